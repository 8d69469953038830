import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { LogReader, type Pass } from './log-reader.ts'

/** A reader of everything that is tracked, and what it has handed on. */
async function readerOf(url: string, relationIds: () => readonly number[]) {
  const keys: string[][] = []
  const passes: Pass[] = []
  const reader = new LogReader({
    database: url,
    logger: pino({ level: 'silent' }),
    relationIds,
    isAwaited: () => false,
    deliver: async (pass) => {
      passes.push(pass)
      for (const { rows } of pass.transactions) keys.push(rows.map(({ key }) => key))
    },
    welcome: async () => undefined,
    onEpoch: () => undefined,
  })
  await reader.start()
  return { reader, keys, passes, [Symbol.asyncDispose]: () => reader.close() }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('waited 10 s in vain')
    await sleep(5)
  }
}

test('a change that commits late is delivered, not skipped, and delays nobody', async () => {
  await using database = await createTestDatabase()
  const [slow, fast] = [await database.connect(), await database.connect()]
  await fast.query(`create table player (id text primary key); select event.track('player')`)
  await using at = await readerOf(database.url, () => [1])
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
  await using at = await readerOf(database.url, () => (isFollowed ? [1] : []))
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
  await using at = await readerOf(database.url, () => [1])
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
  await using at = await readerOf(database.url, () => [1])
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

test('N16 a reader whose connection is cut, over and over, skips nothing and repeats nothing', async () => {
  await using database = await createTestDatabase()
  const [writer, killer] = [await database.connect(), await database.connect()]
  await writer.query(`create table t (id int primary key); select event.track('t')`)
  await using at = await readerOf(database.url, () => [1])
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

test('a reader that cannot reach its database says so at once', async () => {
  await expect(readerOf('postgres://nobody@127.0.0.1:1/nothing', () => [])).rejects.toThrow(/ECONNREFUSED/)
})
