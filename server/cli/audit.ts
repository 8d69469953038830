import { Command } from 'commander'
import { randomInt } from 'node:crypto'
import { openProjectDatabase } from '../embedded/project-database.ts'
import { stopOnSignal } from './stop-on-signal.ts'
import { UsageError } from './usage-error.ts'
import { databaseOption, progress } from './with-database.ts'

interface AuditCommandOptions {
  readonly database?: string
  readonly seed?: string
  readonly seconds: string
  readonly grace: string
  readonly json?: true
}

/** What a shell knows as the end by Ctrl-C. */
const interruptedExitCode = 130

/** A world that is given up ends between two transactions. */
const giveUpMs = 10_000

export function auditCommand(): Command {
  return new Command('audit')
    .summary('try whether anybody is sent what PostgreSQL would not let him read')
    .description(
      'Tries this Rowcast on a PostgreSQL: makes random tables, policies, grants and roles, lets transactions change all of them ' +
        'while clients follow tables, queries, columns, rows and fields over real sockets, and compares every byte that each ' +
        'is sent, and all that it holds, with what `select` returns to its identity at that position.\n\n' +
        'It works in databases and roles of its own, named rowcast_audit_…, and drops them, also on Ctrl-C; your data is ' +
        'neither read nor changed. It needs a superuser: best on a server where nothing else depends on it.',
    )
    .option(...databaseOption)
    .option('--seconds <number>', 'no new world is begun after that time', '60')
    .option('--seed <number>', 'repeats the worlds of another audit (default: a new one, which is told)')
    .option(
      '--grace <seconds>',
      'so long after a policy, a grant or a role has changed what was allowed before may still be shown',
      '3',
    )
    .option('--json', 'the outcome as one JSON object on standard output')
    .addHelpText(
      'after',
      `
Each world has the next seed. It takes some seconds, in which rights stay, then change, then stay again. Transactions that run
at the same time never meet in quite the same way twice, so a rare leak may take a few runs with its seed.

Exit codes: 0 no leak, 1 a leak or another finding, each told with its seed and the message, 2 wrongly called, 130 interrupted:
then what it prints is of the worlds that had ended.

Examples:
  rowcast audit
  rowcast audit --database postgres://postgres@localhost:5432/postgres --seconds 600
  rowcast audit --seed 7 --seconds 1`,
    )
    .action(run)
}

async function run(options: AuditCommandOptions): Promise<void> {
  const interruption = new AbortController()
  const audited = auditUntil(interruption.signal, options)
  stopOnSignal(
    async () => {
      progress('interrupted: dropping what the audit has made')
      interruption.abort()
      await audited
    },
    giveUpMs,
    interruptedExitCode,
  )
  await audited
}

async function auditUntil(signal: AbortSignal, options: AuditCommandOptions): Promise<void> {
  const seed = options.seed === undefined ? randomInt(1_000_000) : wholeNumber('seed', options.seed)
  const seconds = wholeNumber('seconds', options.seconds)
  // Only this command needs them, and a client with them.
  const [{ audit }, { hasFailed, runLine, textOf }] = await Promise.all([
    import('../../audit/audit.ts'),
    import('../../audit/report.ts'),
  ])
  const opened = await openProjectDatabase(options.database, progress)
  try {
    if (typeof opened.database !== 'string') throw new UsageError('Give the database as a connection string.')
    progress(`auditing from seed ${seed} for ${seconds} s`)
    const outcome = await audit({
      url: opened.database,
      seed,
      seconds,
      size: { graceMs: wholeNumber('grace', options.grace) * 1_000 },
      onRun: (one) => progress(runLine(one)),
      signal,
    })
    if (outcome.runs > 0) console.log(options.json ? JSON.stringify(outcome) : textOf(outcome))
    if (hasFailed(outcome) && !signal.aborted) process.exitCode = 1
  } finally {
    await opened.stop()
  }
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (text.trim() !== '' && Number.isInteger(number) && number >= 0) return number
  throw new UsageError(`--${name} ${text}: a whole number is wanted`)
}
