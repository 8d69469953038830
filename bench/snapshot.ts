import type { Child } from '../test/child.ts'
import type { ServeOptions } from './sides/rowcast-server.ts'
import type { CrowdOptions } from './snapshot/crowd-process.ts'
import { messagesSql } from './snapshot/row.ts'
import { alternate, median, medianRatio } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { now } from './suite/clock.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { atLeast, atMost, figure, type Figure } from './suite/report.ts'
import type { Usage } from './suite/usage.ts'

/** Of a few rows, the time is that of asking. */
const few = { rows: 10, rounds: 15 }
const sizes = [
  { rows: 10_000, rounds: 7 },
  { rows: 100_000, rounds: 5 },
]
const crowd = { rows: 1_000, clients: 1_000, rounds: 3 }
const rateLimit = 0.5
/** Ten times the clients may ask the database so much more. */
const queriesLimit = 2
const blockLimitMs = 20

/** How long a page waits for what it begins to follow, alone and together with many others. */
export const snapshot: Bench = {
  name: 'snapshot',
  summary: 'subscribing to 10, 10,000 and 100,000 rows; 1,000 clients at once to the same 1,000 rows',
  async run(context) {
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    return { postgresql: database.version, figures: await measure(database, processes, context) }
  },
}

async function measure(
  database: BenchDatabase,
  processes: Processes,
  { scale, say }: BenchContext,
): Promise<Figure[]> {
  const { admin, role, serverUrl } = database
  const limit = (limit: number) => (scale === 1 ? limit : null)
  const scaled = (count: number) => Math.max(10, Math.round(count * scale))
  const server = processes.startServer('rowcast', new URL('sides/rowcast-server.ts', import.meta.url))
  const port = await server.ask<number>('serve', { database: serverUrl, role } satisfies ServeOptions)
  const url = `http://127.0.0.1:${port}`

  const page = processes.start('page', new URL('snapshot/page-process.ts', import.meta.url))
  const selecting = processes.start('select', new URL('snapshot/select-process.ts', import.meta.url))
  await selecting.ask('connect', database.url)
  const figures: Figure[] = []
  let longestBlockMs = 0
  for (const { rows, rounds } of [few, ...sizes]) {
    const count = scaled(rows)
    const table = `of_${rows}`
    say(`${count.toLocaleString('en')} rows`)
    await admin.query(`${messagesSql(table, count)} grant select on ${table} to ${role}`)
    const took = await alternate(rounds, {
      rowcast: async () => {
        await page.ask('open', url)
        await server.ask('usage')
        const ms = await page.ask<number>('show', table)
        longestBlockMs = Math.max(longestBlockMs, (await server.ask<Usage>('usage')).longestBlockMs)
        return ms
      },
      select: () => selecting.ask<number>('select', table),
    })
    await requireSame(page, selecting)
    const name = (what: string) => `${count.toLocaleString('en')} rows: ${what}`
    figures.push(figure(name('until the page has them'), median(took.rowcast), 'ms'))
    figures.push(figure(name('until a program has selected them'), median(took.select), 'ms'))
    if (rows === few.rows) continue
    figures.push(
      figure(name('to the page'), (count / median(took.rowcast)) * 1_000, 'rows/s'),
      atLeast(name('rate, of that of select'), medianRatio(took.select, took.rowcast), '', limit(rateLimit)),
    )
  }
  figures.push(
    atMost('longest block of the server, one page', longestBlockMs, 'ms', limit(blockLimitMs)),
    ...(await measureCrowd(database, processes, server, url, { scaled, limit, say })),
  )
  return figures
}

interface Scaling {
  scaled(count: number): number
  limit(limit: number): number | null
  readonly say: BenchContext['say']
}

interface Crowded {
  readonly ms: number
  readonly server: Usage
  readonly queries: number
}

async function measureCrowd(
  { admin, role }: BenchDatabase,
  processes: Processes,
  server: Child,
  url: string,
  { scaled, limit, say }: Scaling,
): Promise<Figure[]> {
  const rows = scaled(crowd.rows)
  const clients = scaled(crowd.clients)
  const tenth = Math.max(1, Math.round(clients / 10))
  await admin.query(`${messagesSql('of_many', rows)} grant select on of_many to ${role}`)
  const people = processes.start('the many', new URL('snapshot/crowd-process.ts', import.meta.url))
  const plain = processes.start('plain Socket.IO', new URL('snapshot/plain-server.ts', import.meta.url))
  const plainUrl = `http://127.0.0.1:${await plain.ask<number>('serve')}`
  const known: { messages?: readonly object[]; digests?: readonly string[] } = {}

  const rowcast = async (clients: number): Promise<Crowded> => {
    await people.ask('openRowcast', { url, clients } satisfies CrowdOptions)
    const before = { ...(await server.ask<Usage>('usage')), queries: await server.ask<number>('queries') }
    const ms = await people.ask<number>('subscribe', 'of_many')
    const queries = (await server.ask<number>('queries')) - before.queries
    const used = await usedSince(server, before)
    known.messages = await people.ask<readonly object[]>('messages')
    known.digests = await requireSameForAll(people, known.digests)
    return { ms, server: used, queries }
  }
  const socketIo = async (): Promise<Crowded> => {
    await people.ask('openPlain', { url: plainUrl, clients } satisfies CrowdOptions)
    await plain.ask('prepare', known.messages)
    const before = await plain.ask<Usage>('usage')
    const startedAt = now()
    await plain.ask('send')
    const ms = (await people.ask<number>('completed')) - startedAt
    const used = await usedSince(plain, before)
    await requireSameForAll(people, known.digests)
    return { ms, server: used, queries: 0 }
  }
  say(`${clients.toLocaleString('en')} clients, the same ${rows.toLocaleString('en')} rows`)
  const took = await alternate(crowd.rounds, {
    tenth: () => rowcast(tenth),
    all: () => rowcast(clients),
    plain: socketIo,
  })
  const of = (side: readonly Crowded[], what: (one: Crowded) => number) => side.map(what)
  const name = (what: string) =>
    `${clients.toLocaleString('en')} clients, the same ${rows.toLocaleString('en')} rows: ${what}`
  const [tenthQueries, queries] = [took.tenth, took.all].map((side) =>
    median(of(side, ({ queries }) => queries)),
  )
  return [
    figure(name('until all have them'), median(of(took.all, ({ ms }) => ms)), 'ms'),
    figure(name('the same bytes by plain Socket.IO'), median(of(took.plain, ({ ms }) => ms)), 'ms'),
    figure(
      name('server, for each client'),
      median(of(took.all, ({ server }) => server.cpuMs / clients)),
      'ms of a core',
    ),
    figure(
      name('plain Socket.IO, for each client'),
      median(of(took.plain, ({ server }) => server.cpuMs / clients)),
      'ms of a core',
    ),
    figure(`${tenth.toLocaleString('en')} clients: queries of the database`, tenthQueries ?? NaN, ''),
    figure(name('queries of the database'), queries ?? NaN, ''),
    atMost(
      'queries for ten times the clients',
      (queries ?? NaN) / (tenthQueries ?? NaN),
      'times',
      limit(queriesLimit),
    ),
    atMost(
      name('longest block of the server'),
      Math.max(...of(took.all, ({ server }) => server.longestBlockMs)),
      'ms',
      limit(blockLimitMs),
    ),
  ]
}

async function usedSince(server: Child, before: Usage): Promise<Usage> {
  const after = await server.ask<Usage>('usage')
  return { ...after, cpuMs: after.cpuMs - before.cpuMs }
}

async function requireSame(...sides: readonly Child[]): Promise<void> {
  const digests = await Promise.all(sides.map((side) => side.ask<string>('digest')))
  if (new Set(digests).size > 1) throw new Error('the page shows other rows than those of the table')
}

async function requireSameForAll(
  people: Child,
  known: readonly string[] | undefined,
): Promise<readonly string[]> {
  const digests = await people.ask<readonly string[]>('digests')
  if (digests.length !== 1 || (known && known[0] !== digests[0]))
    throw new Error('not all have been sent the same rows')
  return digests
}
