import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'

let database: TestDatabase
let writer: pg.Client
let reader: pg.Client
let rings = 0

beforeAll(async () => {
  database = await createTestDatabase()
  writer = await database.connect()
  reader = await database.connect()
  await writer.query(`create table item (id int primary key, n int); select event.track('item')`)
  reader.on('notification', ({ channel, payload }) => {
    expect(channel).toBe('rowcast')
    if (payload === '') rings++
  })
  await reader.query('listen rowcast')
})
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(async () => {
  await writer.query('rollback; delete from item')
  await reader.query('select pg_advisory_unlock_all()')
  await heard()
})

/** How often the bell has rung since the last time. */
async function heard(): Promise<number> {
  await sleep(30)
  await reader.query('select 1')
  const count = rings
  rings = 0
  return count
}
const sleeps = async () =>
  (await reader.query('select pg_try_advisory_lock(event.bell_key()) as yes')).rows[0].yes
const wakes = () => reader.query('select pg_advisory_unlock(event.bell_key())')

test('a reader that is awake is spared the bell', async () => {
  await writer.query('insert into item values (1)')
  expect(await heard()).toBe(0)
})

test('a reader that sleeps is woken, once for each transaction', async () => {
  expect(await sleeps()).toBe(true)
  await writer.query('begin; insert into item values (1); update item set n = 1; delete from item')
  expect(await heard()).toBe(0)
  await writer.query('commit')
  expect(await heard()).toBe(1)
  await wakes()
})

test('a statement that changes nothing, or a table that is not tracked, does not ring', async () => {
  await writer.query('insert into item values (1, 1); create table untracked (id int primary key)')
  expect(await sleeps()).toBe(true)
  await writer.query(
    'update item set n = n; delete from item where false; update item set n = 5 where id = 9',
  )
  await writer.query('insert into item select 1 where false; insert into untracked values (1)')
  expect(await heard()).toBe(0)
  await writer.query('begin; update item set n = 5; rollback')
  expect(await heard()).toBe(0)
})

test('a reader cannot fall asleep while a captured transaction is under way, so none slips by', async () => {
  await writer.query('begin; insert into item values (1)')
  expect(await sleeps()).toBe(false)
  await writer.query('commit')
  expect(await sleeps()).toBe(true)
})

test('a rolled back savepoint does not let the reader fall asleep too early', async () => {
  await writer.query(
    'begin; insert into item values (1); savepoint a; insert into item values (2); rollback to a',
  )
  expect(await sleeps()).toBe(false)
  await writer.query('commit')
})

test('event.ring() rings for whoever writes by other ways', async () => {
  expect(await sleeps()).toBe(true)
  await writer.query('select event.ring()')
  expect(await heard()).toBe(1)
})

test('who gives the bell back tells all who listen, once it is free', async () => {
  const heardBy: string[] = []
  const listener = await database.connect()
  listener.on('notification', ({ payload = '' }) => heardBy.push(payload))
  await listener.query('listen rowcast')
  expect((await listener.query('select event.bell_take() as state')).rows[0].state).toBe('ours')
  expect((await reader.query('select event.bell_take() as state')).rows[0].state).toBe('others')
  await writer.query('insert into item values (1)')
  expect(await heard()).toBe(1)
  await listener.query('select event.bell_give_back()')
  await listener.query('select 1')
  expect(heardBy).toEqual(['', 'awake'])
  await writer.query('begin; insert into item values (2)')
  expect((await reader.query('select event.bell_take() as state')).rows[0].state).toBe('busy')
  await writer.query('commit')
  expect((await reader.query('select event.bell_take() as state')).rows[0].state).toBe('ours')
})

test('a holder of the bell is ended only while it still sleeps', async () => {
  const holder = await database.connect()
  await holder.query('select event.bell_take()')
  const { rows } = await writer.query('select * from event.bell_holder()')
  const end = () =>
    writer.query('select event.bell_end_holder($1, $2) as ended', [rows[0].holder, rows[0].silent_since])
  expect(rows[0].holder).toBe(Reflect.get(holder, 'processID'))
  await holder.query('select 1')
  expect((await end()).rows[0].ended).toBe(false)
  Object.assign(rows[0], (await writer.query('select * from event.bell_holder()')).rows[0])
  expect((await end()).rows[0].ended).toBe(true)
  while (!(await sleeps())) await sleep(5)
})

test('the epoch is the same for all, and another once the unlogged table has been emptied', async () => {
  const epoch = async (client: pg.Client) =>
    (await client.query('select event.epoch() as epoch')).rows[0].epoch
  const all = await Promise.all(Array.from({ length: 6 }, async () => epoch(await database.connect())))
  expect(new Set(all).size).toBe(1)
  expect(all[0]).toMatch(/^\d+-\d+-[0-9a-f-]{36}$/)
  expect(await epoch(writer)).toBe(all[0])

  await writer.query('truncate event.incarnation') // as PostgreSQL does after a crash
  const again = await Promise.all(Array.from({ length: 6 }, async () => epoch(await database.connect())))
  expect(new Set(again).size).toBe(1)
  expect(again[0]).not.toBe(all[0])
})

test('every role may ask for the epoch', async () => {
  const role = await database.createRole('nologin')
  await writer.query(`set role ${role}`)
  await writer.query('select event.epoch()')
  await writer.query('reset role')
})
