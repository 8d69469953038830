import type { Child } from '../test/child.ts'
import type { Arrival } from './sides/arrivals.ts'
import { requireEqual, rowsOf, startBothSides, type Side } from './sides/both-sides.ts'
import { Writers } from './sides/writers.ts'
import { alternate, median, medianRatio } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { now } from './suite/clock.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { atLeast, atMost, figure, type Figure } from './suite/report.ts'
import type { Usage } from './suite/usage.ts'

const writerCounts = [4, 32]
const rounds = 3
const roundSeconds = 2.5
/** Of what the bare bridge gets through, with the most writers. */
const least = 2.5
/** By so much the last third of a round may be later than the first: a stream that is a hundredth too slow is. */
const growthLimitMs = 15
const lateLimitMs = 250

/** Commits of one row as fast as writers can, until one client has them all. */
export const stream: Bench = {
  name: 'stream',
  summary: 'commits of one row as fast as 4 and 32 writers can, until one client has them all',
  async run(context) {
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    await using writers = await Writers.connect(database.url, Math.max(...writerCounts))
    return { postgresql: database.version, figures: await measure(database, processes, writers, context) }
  },
}

interface Round {
  /** From the first commit until the client had the last one. */
  readonly perSecond: number
  /** So long after the last commit the client had it. */
  readonly lateMs: number
  /** In the first and in the last third of the time in which was written, the median. */
  readonly lagMs: readonly [first: number, last: number]
  readonly batchesPerSecond: number
  /** Cores. */
  readonly server: number
  readonly client: number
  readonly postgresql: number
}

async function measure(
  database: BenchDatabase,
  processes: Processes,
  writers: Writers,
  { scale, say }: BenchContext,
): Promise<Figure[]> {
  const { rowcast, bridge } = await startBothSides(database, processes, ['item'])
  const clients = new Map<Side, Child>()
  for (const side of [rowcast, bridge]) clients.set(side, await side.follow('item'))
  const figures: Figure[] = []
  for (const count of writerCounts) {
    say(`${count} writers`)
    const run = (side: Side) => {
      const client = clients.get(side)
      if (!client) throw new Error('each side has a client')
      return write(database, side, client, writers, count, roundSeconds * scale)
    }
    const outcome = await alternate(rounds, { bridge: () => run(bridge), rowcast: () => run(rowcast) })
    const isJudged = scale === 1
    figures.push(...figuresOf(`${count} writers`, outcome, isJudged, count === Math.max(...writerCounts)))
  }
  return figures
}

function figuresOf(
  name: string,
  { rowcast, bridge }: { readonly rowcast: readonly Round[]; readonly bridge: readonly Round[] },
  isJudged: boolean,
  isMost: boolean,
): Figure[] {
  const limit = (limit: number, of = isJudged) => (of ? limit : null)
  const of = (rounds: readonly Round[], value: (round: Round) => number) => median(rounds.map(value))
  const ratio = medianRatio(
    rowcast.map(({ perSecond }) => perSecond),
    bridge.map(({ perSecond }) => perSecond),
  )
  const growth = ({ lagMs: [first, last] }: Round) => last - first
  const used = (what: string, cores: (round: Round) => number) => [
    figure(`${name}: bare bridge, ${what}`, of(bridge, cores) * 100, '% of a core'),
    figure(`${name}: Rowcast, ${what}`, of(rowcast, cores) * 100, '% of a core'),
  ]
  return [
    figure(
      `${name}: bare bridge, commits that arrive`,
      of(bridge, ({ perSecond }) => perSecond),
      '/s',
    ),
    figure(
      `${name}: Rowcast, commits that arrive`,
      of(rowcast, ({ perSecond }) => perSecond),
      '/s',
    ),
    atLeast(`${name}: Rowcast to bare bridge`, ratio, '', limit(least, isJudged && isMost)),
    figure(
      `${name}: bare bridge, behind the writers`,
      of(bridge, ({ lagMs }) => lagMs[1]),
      'ms',
    ),
    figure(
      `${name}: Rowcast, behind the writers`,
      of(rowcast, ({ lagMs }) => lagMs[1]),
      'ms',
    ),
    atMost(
      `${name}: Rowcast, last third behind more than the first`,
      of(rowcast, growth),
      'ms',
      limit(growthLimitMs),
    ),
    atMost(
      `${name}: Rowcast, all there after the last commit`,
      of(rowcast, ({ lateMs }) => lateMs),
      'ms',
      limit(lateLimitMs),
    ),
    figure(
      `${name}: Rowcast, batches`,
      of(rowcast, ({ batchesPerSecond }) => batchesPerSecond),
      '/s',
    ),
    ...used('server', ({ server }) => server),
    ...used('client', ({ client }) => client),
    ...used('PostgreSQL with the writers', ({ postgresql }) => postgresql),
  ]
}

async function write(
  database: BenchDatabase,
  side: Side,
  client: Child,
  writers: Writers,
  count: number,
  seconds: number,
): Promise<Round> {
  const table = side.table('item')
  const before = await rowsOf(database, table)
  await database.admin.query('checkpoint') // what one side has written is not to weigh on the other
  await client.ask('arrivals')
  const used = async () => [
    (await side.server.ask<Usage>('usage')).cpuMs,
    (await client.ask<Usage>('usage')).cpuMs,
    await database.cpuMs(),
  ]
  const usedBefore = await used()
  const startedAt = now()
  const insert = `insert into ${table} (text) values ('hello world')`
  const { commits, ms } = await writers.write(count, insert, seconds)
  const arrivedAt = await client.ask<number>('until', before + commits)
  const tookMs = arrivedAt - startedAt
  const usedAfter = await used()
  const [server = NaN, clientUsed = NaN, postgresql = NaN] = usedAfter.map(
    (cpu, i) => (cpu - (usedBefore[i] ?? NaN)) / tookMs,
  )
  const arrivals = (await client.ask<Arrival[]>('arrivals')).map(([at, rows]): Arrival => [
    at - startedAt,
    rows - before,
  ])
  const lags = lagsOf(arrivals, await timesOf(database, table, commits, startedAt))
  await requireEqual(database, side, 'item', client)
  const within = (from: number, to: number) =>
    median(lags.filter(({ at }) => at >= ms * from && at < ms * to).map(({ lagMs }) => lagMs))
  return {
    perSecond: (commits / tookMs) * 1_000,
    lateMs: tookMs - ms,
    lagMs: [within(0, 1 / 3), within(2 / 3, 1)],
    batchesPerSecond: (arrivals.length / tookMs) * 1_000,
    server,
    client: clientUsed,
    postgresql,
  }
}

interface Lag {
  readonly at: number
  readonly lagMs: number
}

/** At each arrival, how long before it was written what is yet to come, or came last. */
function lagsOf(arrivals: readonly Arrival[], writtenAt: readonly number[]): Lag[] {
  return arrivals.flatMap(([at, rows]) => {
    const next = writtenAt[rows]
    return next === undefined ? [] : [{ at, lagMs: Math.max(0, at - next) }]
  })
}

/** When each of the last rows was written, in that order: some moments before its commit. */
async function timesOf(
  { admin }: BenchDatabase,
  table: string,
  count: number,
  startedAt: number,
): Promise<number[]> {
  const { rows } = await admin.query<{ at: number }>(
    `select (extract(epoch from at) * 1000)::float8 as at from ${table} order by id desc limit ${count}`,
  )
  const offset = Date.now() - now()
  return rows.map(({ at }) => at - offset - startedAt).sort((a, b) => a - b)
}
