import { Command, InvalidArgumentError, Option } from 'commander'
import type pg from 'pg'
import { moment, textTable } from './text-table.ts'
import { UsageError } from './usage-error.ts'
import { databaseOption, withDatabase } from './with-database.ts'

interface DatabaseOption {
  readonly database?: string
}

interface RetainOptions extends DatabaseOption {
  /** As PostgreSQL's interval. */
  readonly age?: string
  readonly size?: number
  readonly forever?: true
}

export function logCommand(): Command {
  return new Command('log')
    .summary('show the change log, and say how much of it is kept')
    .description(
      'The change log holds what was committed, for those who come back: they get what they missed. ' +
        'Whoever comes back later than it is kept is told, and begins anew from the rows as they are.',
    )
    .addHelpText('after', examples)
    .addCommand(statusCommand(), { isDefault: true })
    .addCommand(retainCommand())
    .addCommand(pruneCommand())
}

function statusCommand(): Command {
  return new Command('status')
    .summary('show what it holds, and how much is kept (the default)')
    .option('--json', 'as JSON')
    .option(...databaseOption)
    .addHelpText('after', examples)
    .action(({ database, json }: DatabaseOption & { json?: true }) =>
      withDatabase(database, async (client) => {
        const status = await readStatus(client)
        console.log(json ? JSON.stringify(status, null, 2) : describe(status))
      }),
    )
}

function retainCommand(): Command {
  return new Command('retain')
    .summary('say how much is kept: by age, by size, by both, or for ever')
    .option('--age <time>', 'what is older goes: 30m, 12h, 7d or 4w', parseAge)
    .option('--size <bytes>', 'the oldest goes while all of it takes more on disk: 500MB or 10GB', parseSize)
    .addOption(new Option('--forever', 'nothing goes').conflicts(['age', 'size']))
    .option(...databaseOption)
    .addHelpText('after', examples)
    .action(({ database, age, size, forever }: RetainOptions) => {
      if (age === undefined && size === undefined && !forever)
        throw new UsageError('Say how much to keep: --age, --size, both, or --forever.')
      return withDatabase(database, async (client) => {
        await client.query('select event.retain($1, $2)', [age ?? null, size ?? null])
        console.log(keptText((await readStatus(client)).retention))
      })
    })
}

function pruneCommand(): Command {
  return new Command('prune')
    .summary('do now what is due; a server that runs does so every minute')
    .option(...databaseOption)
    .addHelpText('after', examples)
    .action(({ database }: DatabaseOption) =>
      withDatabase(database, async (client) => {
        const { rows } = await client.query<Deed>('select did, part, bytes, reason from event.tend_log()')
        if (rows.length === 0) console.log('Nothing was due.')
        for (const deed of rows) console.log(deedText(deed))
      }),
    )
}

const examples = `
Examples:
  rowcast log
  rowcast log --json | jq .parts
  rowcast log retain --age 7d --size 10GB
  rowcast log retain --forever
  rowcast log prune`

interface Status {
  readonly retention: { readonly maxAge: string | null; readonly maxBytes: number | null }
  /** Positions from before this transaction id have expired. */
  readonly horizon: string
  readonly parts: readonly Part[]
}

interface Part {
  readonly part: number
  /** `closing`: a transaction that may have written to it is still open. */
  readonly state: 'open' | 'closing' | 'closed'
  readonly bytes: number
  /** Estimated, if there are many; null: unknown yet. */
  readonly rows: number | null
  readonly oldest: Date | null
  readonly newest: Date | null
  readonly firstXid: string | null
  readonly endXid: string | null
}

async function readStatus(client: pg.ClientBase): Promise<Status> {
  const retention = await client.query<Status['retention']>(
    'select max_age::text as "maxAge", max_bytes::float8 as "maxBytes" from event.retention',
  )
  const horizon = await client.query<{ horizon: string }>('select event.log_horizon()::text as horizon')
  const parts = await client.query<Part>(
    `select part, state, bytes::float8 as bytes, rows::float8 as rows, oldest, newest, first_xid::text as "firstXid",
       end_xid::text as "endXid"
     from event.log_status()`,
  )
  return {
    retention: retention.rows[0] ?? { maxAge: null, maxBytes: null },
    horizon: horizon.rows[0]?.horizon ?? '0',
    parts: parts.rows,
  }
}

function describe({ retention, parts }: Status): string {
  const rows = parts.map((part) => [
    String(part.part),
    part.state,
    sizeText(part.bytes),
    part.rows === null ? '' : part.rows.toLocaleString('en-US', { maximumFractionDigits: 0 }),
    part.oldest ? moment(part.oldest) : '',
    part.newest ? moment(part.newest) : '',
  ])
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
  return [
    `${keptText(retention)} It takes ${sizeText(bytes)}.`,
    '',
    textTable([['part', 'state', 'size', 'changes', 'oldest', 'newest'], ...rows]),
  ].join('\n')
}

function keptText({ maxAge, maxBytes }: Status['retention']): string {
  const limits = [maxAge && `for ${maxAge}`, maxBytes !== null && `up to ${sizeText(maxBytes)}`].filter(
    Boolean,
  )
  return `The change log is kept ${limits.join(', ') || 'for ever'}.`
}

interface Deed {
  readonly did: 'opened' | 'emptied' | 'in use'
  readonly part: number
  readonly bytes: string
  readonly reason: 'age' | 'size'
}

function deedText({ did, part, bytes, reason }: Deed): string {
  const why = reason === 'age' ? 'for its age' : 'to save space'
  if (did === 'emptied') return `Part ${part} was emptied ${why}: ${sizeText(Number(bytes))}.`
  if (did === 'opened') return `Part ${part} is written to from now on.`
  return `Part ${part} is to be emptied ${why}, but is being read: try again later.`
}

const units = ['kB', 'MB', 'GB', 'TB'] as const

function sizeText(bytes: number): string {
  let [value, unit] = [bytes / 1024, 0]
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 1 : 0 })} ${units[unit]}`
}

function parseSize(text: string): number {
  const [, number = '', unit = ''] = /^(\d+)\s*([kMGT]B)$/i.exec(text) ?? []
  const power = units.findIndex((name) => name.toLowerCase() === unit.toLowerCase()) + 1
  const bytes = Number(number) * 1024 ** power
  if (power === 0 || !Number.isSafeInteger(bytes))
    throw new InvalidArgumentError('It must be a number with a unit, like 500MB or 10GB.')
  return bytes
}

const timeUnits: Readonly<Record<string, string>> = { m: 'minutes', h: 'hours', d: 'days', w: 'weeks' }

function parseAge(text: string): string {
  const [, number, unit = ''] = /^(\d{1,6})\s*([mhdw])$/.exec(text) ?? []
  if (number === undefined)
    throw new InvalidArgumentError('It must be a number with a unit: 30m, 12h, 7d or 4w.')
  return `${number} ${timeUnits[unit]}`
}
