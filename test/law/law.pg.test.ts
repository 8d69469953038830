import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { createClient, type Client, type Followed } from '../../client/core/index.ts'
import type { Row } from '../../shared/change.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { createTestDatabase } from '../database.ts'
import type { RowcastOptions } from '../../server/index.ts'
import { startRowcast } from '../rowcast-server.ts'
import { History } from './history.ts'
import { isOrdered, shown, sortedBy } from '../../audit/reference.ts'
import { createTable, seenBy, subscriptionOf, tables as randomTables, type LawTable } from './tables.ts'
import { transactionOf, write, type RandomTransaction } from './writer.ts'

/** A subscription that is made at some moment, and dropped at another. */
interface RandomFollowing {
  readonly subscription: Subscription
  readonly afterMs: number
  readonly forMs: number
}

interface RandomClient {
  /** Of a role that may not select all columns. */
  readonly isRestricted: boolean
  readonly followings: readonly RandomFollowing[]
}

interface Scenario {
  readonly tables: readonly LawTable[]
  /** One list for each connection; they run at the same time. */
  readonly writers: readonly (readonly RandomTransaction[])[]
  readonly clients: readonly RandomClient[]
  readonly bounds: Pick<RowcastOptions, 'maxBufferedBytes' | 'readAtOnce'>
  /** Moments at which the server's connections to the database are cut. */
  readonly cutsMs: readonly number[]
}

const scenarios: fc.Arbitrary<Scenario> = randomTables.chain((tables) => {
  const following = (isRestricted: boolean) =>
    fc.record({
      subscription: fc.constantFrom(...tables).chain((table) => subscriptionOf(seenBy(table, isRestricted))),
      afterMs: fc.integer({ min: 0, max: 150 }),
      forMs: fc.constantFrom(30, 100, 10_000, 10_000),
    })
  const client = fc.boolean().chain((isRestricted) =>
    fc.record({
      isRestricted: fc.constant(isRestricted),
      followings: fc.array(following(isRestricted), { minLength: 1, maxLength: 6 }),
    }),
  )
  return fc.record({
    tables: fc.constant(tables),
    writers: fc.array(fc.array(transactionOf(tables), { minLength: 3, maxLength: 12 }), {
      minLength: 2,
      maxLength: 4,
    }),
    clients: fc.array(client, { minLength: 1, maxLength: 3 }),
    // With so little, whatever changes is too much at once, and clients catch up again and again.
    bounds: fc.constantFrom(
      {},
      {},
      { maxBufferedBytes: 400, readAtOnce: { maxRows: 3, maxBytes: 1_000_000 } },
    ),
    cutsMs: fc.oneof(
      { weight: 4, arbitrary: fc.constant([]) },
      fc.array(fc.integer({ min: 20, max: 200 }), { maxLength: 2 }),
    ),
  })
})

/** What a client held for a subscription at a position. */
interface Observation {
  readonly position: string
  readonly subscription: Subscription
  readonly isRestricted: boolean
  readonly data: unknown
}

test(
  'the law: at every position, what a client holds for a subscription is what select returns',
  { timeout: 300_000 },
  async () => {
    let observed = 0
    const property = fc.asyncProperty(scenarios, async (scenario) => {
      observed += await run(scenario)
    })
    await fc.assert(property, {
      numRuns: Number(process.env['ROWCAST_LAW_RUNS'] ?? 25),
      ...(process.env['ROWCAST_LAW_SEED'] && { seed: Number(process.env['ROWCAST_LAW_SEED']) }),
      endOnFailure: true, // shrinking races would only blur what was seen
    })
    expect(observed).toBeGreaterThan(100)
  },
)

/** Lets everything happen at once, then judges what was seen. Tells how much that was. */
async function run({ tables, writers, clients, bounds, cutsMs }: Scenario): Promise<number> {
  await using database = await createTestDatabase()
  const admin = await database.connect()
  const restricted = await database.createRole('nologin')
  await admin.query(`create sequence law_order; ${tables.map((table) => createTable(table, restricted)).join(' ')}
    create table law_end (id int primary key); select event.track('law_end'); grant select on law_end to ${restricted}`)
  await using server = await startRowcast(database, bounds)
  const history = new History()
  const observers = clients.map((client) => observe(server.url, client, restricted))

  const connections = await Promise.all(writers.map(() => database.connect()))
  await Promise.all([
    ...writers.map((transactions, i) => write(connections[i]!, tables, transactions, history)),
    ...cutsMs.map((ms) => cut(admin, ms)),
    sleep(170), // until the last subscription has begun
  ])
  await admin.query('insert into law_end values (1)')
  const observations = (await Promise.all(observers.map((observer) => observer.end()))).flat()

  for (const { position, subscription, isRestricted, data } of observations) {
    const table = seenBy(
      tables.find(({ name }) => name === subscription.relation)!,
      isRestricted,
    )
    const rows = [...history.at(position, table.name)].map(([key, row]): [string, Row] => [
      key,
      Object.fromEntries(Object.entries(row).filter(([column]) => Object.hasOwn(table.columns, column))),
    ])
    const expected = shown(subscription, table, new Map(rows))
    expect(comparable(subscription, table, data), `${JSON.stringify(subscription)} at ${position}`).toEqual(
      expected,
    )
  }
  return observations.length
}

function observe(
  url: string,
  { isRestricted, followings }: RandomClient,
  restricted: string,
): { end(): Promise<Observation[]> } {
  let failure: Error | undefined
  const client = createClient({
    url,
    auth: isRestricted ? { role: restricted } : {},
    graceMs: 0,
    session: 'page',
    retryDelayMs: 20,
    maxRetryDelayMs: 100,
    // A change that cannot be applied is mended by asking anew, which would hide that it was wrong.
    onError: (error) =>
      (failure ??= error.code === 'row_missing' || error.code === 'invalid_message' ? error : undefined),
  })
  const held = new Map<Followed<unknown>, Subscription>()
  const observations: Observation[] = []
  client.store.subscribe(({ position }) => {
    if (position === undefined) return
    for (const [followed, subscription] of held) {
      const { status, data, error } = followed.getSnapshot()
      if (status === 'error') throw error
      if (status === 'ready') observations.push({ position, subscription, isRestricted, data })
    }
  })
  const end = client.follow<readonly Row[]>({ kind: 'table', relation: 'law_end' })
  const stopEnd = end.subscribe(() => undefined)
  const timers = followings.flatMap(({ subscription, afterMs, forMs }) => {
    let stop = () => undefined as void
    const begin = setTimeout(() => {
      const followed = client.follow(subscription)
      held.set(followed, subscription)
      const unsubscribe = followed.subscribe(() => undefined)
      stop = () => {
        held.delete(followed)
        unsubscribe()
      }
    }, afterMs)
    return [begin, setTimeout(() => stop(), afterMs + forMs)]
  })
  return {
    async end() {
      await until(client, () => (end.getSnapshot().data?.length ?? 0) > 0)
      await until(client, () =>
        [...held.keys()].every((followed) => followed.getSnapshot().status === 'ready'),
      )
      for (const timer of timers) clearTimeout(timer)
      stopEnd()
      client.close()
      if (failure) throw failure
      return observations
    },
  }
}

async function until(client: Client, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000
  while (!condition()) {
    if (performance.now() > deadline)
      throw new Error(`never came to the end: ${JSON.stringify(client.store.getState())}`)
    await sleep(5)
  }
}

async function cut(admin: pg.Client, ms: number): Promise<void> {
  await sleep(ms)
  await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'rowcast' and datname = current_database()`)
}

/** Where no order is promised none is compared. */
function comparable(subscription: Subscription, table: LawTable, data: unknown): unknown {
  if (subscription.kind === 'field') return data ?? null
  if (subscription.kind === 'column')
    return Object.fromEntries(
      (data as { key: string; value: unknown }[]).map(({ key, value }) => [key, value]),
    )
  if (subscription.kind === 'table' && !isOrdered(subscription))
    return sortedBy(
      data as Row[],
      table.key.map((column) => ({ column, direction: 'asc' })),
    )
  return data
}
