import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { TcpProxy } from '../../test/tcp-proxy.ts'
import { defaultBounds, type LogBounds } from './read-log.ts'
import { LogReader, type Pass, type Rests } from './log-reader.ts'

interface ReaderSettings {
  readonly rests?: Partial<Rests>
  /** What it waits for after it has found something. */
  readonly hold?: () => Promise<unknown>
  readonly bounds?: LogBounds
  readonly asideSql?: () => string
}

/** A reader, and what it has handed on. */
async function readerOf(
  url: string,
  relationIds: () => readonly number[],
  { rests = {}, hold, bounds = defaultBounds, asideSql }: ReaderSettings = {},
) {
  const keys: string[][] = []
  const passes: Pass[] = []
  let gaps = 0
  const reader = new LogReader({
    database: url,
    logger: pino({ level: 'silent' }),
    relationIds,
    isAwaited: () => false,
    deliver: async (pass) => {
      passes.push(pass)
      for (const { rows } of pass.transactions) keys.push(rows.map(({ key }) => key))
      if (pass.transactions.length > 0) await hold?.()
    },
    welcome: async () => undefined,
    onEpoch: () => undefined,
    onGap: () => void gaps++,
    rests,
    bounds,
    ...(asideSql && { asideSql }),
  })
  await reader.start()
  return { reader, keys, passes, gaps: () => gaps, [Symbol.asyncDispose]: () => reader.close() }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('waited 20 s in vain')
    await sleep(5)
  }
}

test('a change that commits late is delivered, not skipped, and delays nobody', async () => {
  await using database = await createTestDatabase()
  const [slow, fast] = [await database.connect(), await database.connect()]
  await fast.query(`create table player (id text primary key); select event.track('player')`)
  await using at = await readerOf(database.serverUrl, () => [1])
  await slow.query('begin')
  await slow.query(`insert into player values ('slow')`)
  await fast.query(`insert into player values ('fast')`)
  await until(() => at.keys.length === 1)
  expect(at.keys).toEqual([['["fast"]']])
  await slow.query('commit')
  await until(() => at.keys.length === 2)
  expect(at.keys[1]).toEqual(['["slow"]'])
})

test('transactions come whole, in the order of the last change of each', async () => {
  await using database = await createTestDatabase()
  const [one, two] = [await database.connect(), await database.connect()]
  await one.query(`create table t (id int primary key); select event.track('t')`)
  let isFollowed = false
  await using at = await readerOf(database.serverUrl, () => (isFollowed ? [1] : []))
  await one.query('begin; insert into t values (1)')
  await two.query('begin; insert into t values (2)')
  await one.query('insert into t values (3)')
  await one.query('commit')
  await two.query('insert into t values (4); commit')
  isFollowed = true
  at.reader.wake()
  await until(() => at.keys.length === 2)
  expect(at.keys).toEqual([
    ['[1]', '[3]'],
    ['[2]', '[4]'],
  ])
})

test('a reader that sleeps is rung by the first commit, and spared the others', async () => {
  await using database = await createTestDatabase()
  const [writer, listener] = [await database.connect(), await database.connect()]
  await writer.query(`create table t (id int primary key); select event.track('t')`)
  await using at = await readerOf(database.serverUrl, () => [1])
  let rings = 0
  listener.on('notification', () => rings++)
  await listener.query('listen rowcast')
  const isAsleep = async () =>
    (await listener.query(`select pg_try_advisory_lock_shared(event.bell_key()) as free`)).rows[0].free
      ? (await listener.query(`select pg_advisory_unlock_shared(event.bell_key())`), false)
      : true
  while (!(await isAsleep())) await sleep(5)
  for (let i = 0; i < 200; i++) await writer.query('insert into t values ($1)', [i])
  await until(() => at.keys.length === 200)
  expect(rings).toBeGreaterThan(0)
  expect(rings).toBeLessThan(100)
})

test('writers of what nobody follows do not ring for each commit', async () => {
  await using database = await createTestDatabase()
  const [writer, listener] = [await database.connect(), await database.connect()]
  await writer.query(`create table t (id int primary key); create table u (id int primary key);
    select event.track('t'), event.track('u')`)
  await using at = await readerOf(database.serverUrl, () => [1])
  let rings = 0
  listener.on('notification', () => rings++)
  await listener.query('listen rowcast')
  await sleep(100)
  for (let i = 0; i < 500; i++) await writer.query('insert into u values ($1)', [i])
  await listener.query('select 1')
  expect(rings).toBeLessThan(250)
  expect(at.keys).toEqual([])
  await writer.query('insert into t values (1)')
  await until(() => at.keys.length === 1)
})

test('no wake-up is lost between readers that sleep and wake by turns', async () => {
  await using database = await createTestDatabase()
  const [writer, other] = [await database.connect(), await database.connect()]
  await writer.query(`create table t (id int primary key); create table u (id int primary key);
    select event.track('t'), event.track('u')`)
  // None looks by itself: one ring too few, and the test waits in vain.
  const rests = { asleepMs: 100_000, standbyMs: 100_000 }
  await using one = await readerOf(database.serverUrl, () => [1], {
    rests,
    hold: () => sleep(Math.random() * 60),
  })
  await using two = await readerOf(database.serverUrl, () => [1], { rests })
  await using three = await readerOf(database.serverUrl, () => [2], { rests })
  for (let i = 0; i < 300; i++) {
    await sleep(Math.random() ** 3 * 40)
    if (i % 5 === 0) void other.query('insert into u values ($1)', [i])
    await writer.query('insert into t values ($1)', [i])
    await until(() => one.keys.length === i + 1 && two.keys.length === i + 1)
  }
  await until(() => three.keys.length === 60)
})

test('a reader of which nobody follows anything any more gives the bell back', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query(`create table t (id int primary key); select event.track('t')`)
  let isFollowed = true
  await using at = await readerOf(database.serverUrl, () => (isFollowed ? [1] : []), {
    rests: { asleepMs: 100 },
  })
  const isHeld = async () =>
    (await client.query('select holder from event.bell_holder()')).rows[0].holder !== null
  while (!(await isHeld())) await sleep(5)
  isFollowed = false
  while (await isHeld()) await sleep(5)
  const seen = at.passes.length
  await until(() => at.passes.length > seen + 2) // it looks on, and moves its position on
  expect(await isHeld()).toBe(false)
})

test('who holds the bell and closes wakes who stands by', async () => {
  await using database = await createTestDatabase()
  const [writer, holder] = [await database.connect(), await database.connect()]
  await writer.query(`create table t (id int primary key); select event.track('t')`)
  await holder.query('select pg_advisory_lock(event.bell_key())')
  await using at = await readerOf(database.serverUrl, () => [1], { rests: { standbyMs: 100_000 } })
  const isAsleep = `select clock_timestamp() - state_change > '100 ms' as yes from pg_stat_activity
    where application_name = 'rowcast' and datname = current_database()`
  while (!(await holder.query(isAsleep)).rows[0].yes) await sleep(10)
  await holder.query('select event.bell_give_back()')
  await writer.query('insert into t values (1)')
  await until(() => at.keys.length === 1)
})

test('of much at once only so much is read: the rest of the relations are told, and the others come whole', async () => {
  await using database = await createTestDatabase()
  const writer = await database.connect()
  await writer.query(`create table t (id int primary key); create table u (id int primary key, body text);
    create table v (id int primary key); select event.track('t'), event.track('u'), event.track('v')`)
  const bounds = { maxRows: 100, maxBytes: 100_000 }
  await using at = await readerOf(database.serverUrl, () => [1, 2, 3], { bounds })
  await writer.query(
    `begin; insert into t select generate_series(1, 100); insert into v values (1), (2); commit`,
  )
  await writer.query(`insert into u values (1, repeat('x', 200000))`)
  await writer.query(`insert into v select i from generate_series(3, 90) as i`)
  await until(() => at.keys.flat().length === 90)
  expect(at.keys.flat()).toEqual(Array.from({ length: 90 }, (_, i) => `[${i + 1}]`))
  expect([...new Set(at.passes.flatMap(({ heavy }) => heavy))].sort()).toEqual([1, 2])
  await writer.query('insert into t values (0); insert into u values (0)')
  await until(() => at.keys.flat().length === 92)
})

test('of too much in too many relations all are left out, and read on from there', async () => {
  await using database = await createTestDatabase()
  const writer = await database.connect()
  const ids = Array.from({ length: 12 }, (_, i) => i + 1)
  for (const id of ids)
    await writer.query(`create table t${id} (id int primary key); select event.track('t${id}')`)
  await using at = await readerOf(database.serverUrl, () => ids, {
    bounds: { maxRows: 10, maxBytes: 1_000_000 },
  })
  await writer.query(ids.map((id) => `insert into t${id} select generate_series(1, 10)`).join(';'))
  await until(() => at.passes.some(({ heavy }) => heavy.length > 0))
  expect(at.passes.flatMap(({ heavy }) => heavy)).toEqual(ids)
  await writer.query('insert into t3 values (100)')
  await until(() => at.keys.length > 0)
  expect(at.keys).toEqual([['[100]']])
})

test('what is asked along with a pass is answered as of its snapshot, also where there is too much to read', async () => {
  await using database = await createTestDatabase()
  const writer = await database.connect()
  await writer.query(
    `create table t (id int primary key); grant select on t to public; select event.track('t')`,
  )
  const asideSql = () => 'select count(*)::int from public.t'
  const bounds = { ...defaultBounds, maxRows: 10 }
  await using at = await readerOf(database.serverUrl, () => [1], { asideSql, bounds })
  await until(() => at.passes.length > 0)
  expect(at.passes[0]?.aside).toEqual([{ count: 0 }])
  for (const last of [10, 30]) {
    await writer.query('insert into t select generate_series((select count(*) from t) + 1, $1)', [last])
    await until(() => at.passes.some(({ aside }) => (aside[0] as { count: number }).count === last))
    const pass = at.passes.find(({ aside }) => (aside[0] as { count: number }).count === last)
    expect(pass?.transactions.flatMap(({ rows }) => rows).length).toBe(last === 10 ? 10 : 0)
    expect(pass?.heavy).toEqual(last === 10 ? [] : [1])
  }
})

test('after much has been found, the reader rests, and reads what comes meanwhile in one go', async () => {
  await using database = await createTestDatabase()
  const writer = await database.connect()
  await writer.query(`create table t (id int primary key); select event.track('t')`)
  await using at = await readerOf(database.serverUrl, () => [1])
  await writer.query('begin; insert into t values (0)') // the bell cannot be taken, so nobody rings
  await until(() => at.passes.length > 3)
  const other = await database.connect()
  await other.query('insert into t select generate_series(1, 500)')
  await until(() => at.keys.length === 1)
  const found = at.passes.findIndex(({ transactions }) => transactions.length > 0)
  await until(() => at.passes.length > found + 1)
  const [pass, next] = at.passes.slice(found)
  expect((next?.startedAt ?? 0) - (pass?.startedAt ?? 0)).toBeGreaterThanOrEqual(24)
})

test('a pass that finds nothing is handed on as well, so that positions move on', async () => {
  await using database = await createTestDatabase()
  const writer = await database.connect()
  await writer.query(`create table t (id int primary key); select event.track('t')`)
  await using at = await readerOf(database.serverUrl, () => [1], { rests: { asleepMs: 50 } })
  const seen = at.passes.length
  await writer.query('select pg_current_xact_id()')
  await until(() => at.passes.slice(seen).some(({ from, to }) => from !== to))
  for (const { transactions, heavy } of at.passes) expect([transactions, heavy]).toEqual([[], []])
})

test('what comes next has been pruned: the reader says so, and goes on from now', async () => {
  await using database = await createTestDatabase()
  const writer = await database.connect()
  await writer.query(`create table t (id int primary key); select event.track('t')`)
  let goOn = () => {}
  const held = new Promise<void>((resolve) => (goOn = resolve))
  await using at = await readerOf(database.serverUrl, () => [1], { hold: () => held })
  await writer.query('insert into t values (1)')
  await until(() => at.keys.length === 1)
  await writer.query('insert into t values (2)')
  await writer.query(
    `select setval('event.log_horizon_seq', pg_snapshot_xmax(pg_current_snapshot())::text::bigint)`,
  )
  // Only what is over everywhere is ever pruned.
  const isOver = 'select pg_snapshot_xmin(pg_current_snapshot()) >= event.log_horizon() as yes'
  while (!(await writer.query(isOver)).rows[0].yes) await sleep(5)
  goOn()
  await until(() => at.gaps() === 1)
  await writer.query('insert into t values (3)')
  await until(() => at.keys.length === 2)
  expect(at.keys).toEqual([['[1]'], ['[3]']])
  expect(at.gaps()).toBe(1)
})

test('a pass that could not be handed on is repeated on the same connection, and the bell is free meanwhile', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query(`create table t (id int primary key); select event.track('t')`)
  let tries = 0
  const hold = async () => {
    if (tries++ === 0) throw new Error('not now')
  }
  await using at = await readerOf(database.serverUrl, () => [1], { hold })
  const backend = async () =>
    (
      await client.query(
        `select pid from pg_stat_activity where application_name = 'rowcast' and datname = current_database()`,
      )
    ).rows
  const before = await backend()
  expect(before).toHaveLength(1)
  while ((await client.query('select holder from event.bell_holder()')).rows[0].holder === null)
    await sleep(5)
  await client.query('insert into t values (1)')
  await until(() => tries === 2)
  await client.query('insert into t values (2)')
  await until(() => at.keys.length === 3)
  expect(at.keys.flat()).toEqual(['[1]', '[1]', '[2]'])
  expect(await backend()).toEqual(before)
})

test('N16 a reader whose connection is cut, over and over, skips nothing and repeats nothing', async () => {
  await using database = await createTestDatabase()
  const [writer, killer] = [await database.connect(), await database.connect()]
  await writer.query(`create table t (id int primary key); select event.track('t')`)
  await using at = await readerOf(database.serverUrl, () => [1])
  let isWriting = true
  const killing = (async () => {
    while (isWriting) {
      await killer.query(`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'rowcast' and datname = current_database()`)
      await sleep(70)
    }
  })()
  for (let i = 0; i < 300; i++) {
    await writer.query('insert into t values ($1)', [i])
    await sleep(2)
  }
  isWriting = false
  await killing
  await until(() => at.keys.length >= 300)
  expect(at.keys.flat()).toEqual(Array.from({ length: 300 }, (_, i) => `[${i}]`))
})

test('N16 a reader whose connection falls silent, asleep or at work, goes on by another', async () => {
  await using database = await createTestDatabase()
  const writer = await database.connect()
  await writer.query(`create table t (id int primary key); select event.track('t')`)
  const { proxy, url } = await TcpProxy.before(database.serverUrl)
  await using at = await readerOf(url, () => [1])
  await sleep(100)
  proxy.strand()
  for (let i = 0; i < 10; i++) await writer.query('insert into t values ($1)', [i])
  await until(() => at.keys.length === 10)
  proxy.strand()
  for (let i = 10; i < 20; i++) await writer.query('insert into t values ($1)', [i])
  await until(() => at.keys.length === 20)
  expect(at.keys.flat()).toEqual(Array.from({ length: 20 }, (_, i) => `[${i}]`))
  await at.reader.close()
  await proxy.close()
})

test('a reader that cannot reach its database says so at once', async () => {
  await expect(readerOf('postgres://nobody@127.0.0.1:1/nothing', () => [])).rejects.toThrow(/ECONNREFUSED/)
})
