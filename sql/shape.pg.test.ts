import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readChanges, readRows, replay, type LoggedChange } from '../test/change-log.ts'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'

let database: TestDatabase
/** Does what alters the table. */
let owner: pg.Client
/** Has written before, so it has plans and functions of the old shape. */
let writer: pg.Client
let version: number

beforeAll(async () => {
  database = await createTestDatabase()
  owner = await database.connect()
  writer = await database.connect()
  version = Number((await owner.query('show server_version_num')).rows[0].server_version_num)
})
afterAll(() => database[Symbol.asyncDispose]())

let schemas = 0
beforeEach(async () => {
  await owner.query(`rollback; create schema shape_${++schemas}`)
  for (const client of [owner, writer])
    await client.query(`rollback; set search_path = shape_${schemas}; set timezone = 'Asia/Tokyo'`)
  await owner.query(`create table item (id int primary key, name text, amount int); insert into item values (1, 'a', 2);
    select event.track('item')`)
  for (const client of [owner, writer]) for (let i = 0; i < 8; i++) await write(client)
})

/** One of each, leaving the table as it was. */
async function write(client: pg.Client, key = 'id'): Promise<void> {
  await client.query(`insert into item (${key}) values (100), (101)`)
  await client.query(`update item set ${key} = ${key} + 1000 where ${key} >= 100`)
  await client.query(`delete from item where ${key} >= 100`)
}

/** Runs `work`, and gives its changes, which must turn the rows of before into those of after. */
async function changesOf(work: () => Promise<unknown>, relation = 'item'): Promise<LoggedChange[]> {
  const before = await readRows(owner, relation)
  const { length } = await readChanges(owner, relation)
  await work()
  const changes = (await readChanges(owner, relation)).slice(length)
  expect(replay(before, changes)).toEqual(await readRows(owner, relation))
  return changes
}

const notices = (client: pg.Client): string[] => {
  const messages: string[] = []
  client.on('notice', ({ message }) => messages.push(message ?? ''))
  return messages
}

describe.each([['before'], ['after']])('%s event.refresh_capture()', (when) => {
  test.each([
    ['added', 'add price numeric default 1.50', { id: 1, name: 'a', amount: 2, price: '1.50' }],
    ['dropped', 'drop amount', { id: 1, name: 'a' }],
    ['renamed', 'rename name to "Name"', { id: 1, Name: 'a', amount: 2 }],
    ['retyped', 'alter amount type bigint', { id: 1, name: 'a', amount: '2' }],
    [
      'retyped to one that needs settings',
      `alter amount type timestamptz using '2024-01-01 12:00Z'`,
      { id: 1, name: 'a', amount: '2024-01-01T12:00:00+00:00' },
    ],
    ['of the key, renamed', 'rename id to item_id', { item_id: 1, name: 'a', amount: 2 }],
    ['of the key, retyped', 'alter id type bigint', { id: '1', name: 'a', amount: 2 }],
    [
      'replaced by one of its name',
      'drop name, add name boolean default true',
      { id: 1, amount: 2, name: true },
    ],
  ])('a column that is %s is captured rightly from the next statement on', async (_, ddl, row) => {
    await owner.query(`alter table item ${ddl}`)
    if (when === 'after') await owner.query('select event.refresh_capture()')
    const key = 'item_id' in row ? 'item_id' : 'id'
    const newcomer = await database.connect()
    await newcomer.query(`set search_path = shape_${schemas}`)
    for (const client of [writer, owner, newcomer]) {
      const changes = await changesOf(async () => {
        await client.query(`update item set ${key} = ${key} + 1`)
        await client.query(`update item set ${key} = ${key} - 1`)
      })
      expect(changes.at(-1)?.new).toEqual(row)
      await changesOf(() => write(client, key))
    }
    const { rows } = await owner.query(`show timezone`)
    expect(rows).toEqual([{ TimeZone: 'Asia/Tokyo' }])
  })
})

test('a table is altered and written to by turns in one transaction', async () => {
  const changes = await changesOf(async () => {
    await owner.query(`begin; update item set amount = 3; alter table item alter amount type bigint`)
    await owner.query(`update item set amount = 4; alter table item rename amount to "Amount"`)
    await owner.query(`update item set "Amount" = 5; alter table item rename "Amount" to amount`)
    await owner.query(`alter table item alter amount type int; update item set amount = 6; commit`)
  }).catch(() => readChanges(owner, 'item'))
  expect(changes.slice(-4).map((change) => change.new)).toEqual([
    { amount: 3 },
    { amount: '4' },
    { Amount: '5' },
    { amount: 6 },
  ])
})

test.each([
  ['add price bigint default 7', { id: 1, name: 'b', amount: 2, price: '7' }],
  ['drop amount', { id: 1, name: 'b' }],
  ['rename amount to "Amount"', { id: 1, name: 'b', Amount: 2 }],
  ['alter amount type bigint', { id: 1, name: 'b', amount: '2' }],
  ['rename id to item_id', { item_id: 1, name: 'b', amount: 2 }],
])('a transaction that began before is captured rightly after: alter table item %s', async (ddl, row) => {
  await writer.query('begin isolation level repeatable read; select 1')
  await owner.query(`alter table item ${ddl}`)
  const key = 'item_id' in row ? 'item_id' : 'id'
  const changes = await changesOf(async () => {
    await writer.query(`insert into item (${key}, name) values (5, 'b')`)
    await writer.query(`update item set ${key} = 1, name = 'b' where ${key} = 5`).catch(() => undefined)
    await writer.query('rollback; begin isolation level repeatable read; select 1')
    await writer.query(`update item set name = 'b'`)
    await writer.query(`update item set ${key} = 9`)
    await writer.query(`update item set ${key} = 1`)
    await writer.query('commit')
  })
  expect(changes.at(-1)?.new).toEqual(row)
  await changesOf(() => write(writer, key))
})

test('what a transaction saw of an old catalogue does not stay with the connection', async () => {
  const fresh = await database.connect()
  await fresh.query(`set search_path = shape_${schemas}; begin isolation level repeatable read; select 1`)
  await owner.query('alter table item rename amount to total')
  await changesOf(async () => {
    await fresh.query('insert into item (id, total) values (2, 2)')
    await fresh.query('update item set total = 3 where id = 2')
    await fresh.query('commit')
  })
  const changes = await changesOf(() => fresh.query('update item set total = 4 where id = 2'))
  expect(changes).toMatchObject([{ op: 'field_update', new: { total: 4 } }])
})

test('writers never fail while the table is altered and captured anew again and again', async () => {
  const writers = await Promise.all(Array.from({ length: 3 }, () => database.connect()))
  let isDone = false
  const altered = (async () => {
    for (let i = 0; i < 6; i++)
      for (const ddl of [
        'add extra bigint default 5',
        'alter extra type text',
        'rename name to label',
        'rename label to name',
        'drop extra',
      ]) {
        await owner.query(`alter table item ${ddl}`)
        if (i % 2) await owner.query('select event.refresh_capture()')
      }
    isDone = true
  })()
  const { length } = await readChanges(owner, 'item')
  await Promise.all(
    writers.map(async (client, n) => {
      const isolation = n === 1 ? 'repeatable read' : 'read committed'
      await client.query(
        `set search_path = shape_${schemas}; set default_transaction_isolation = '${isolation}'`,
      )
      for (let i = 0; !isDone; i++) {
        const id = 1000 * (n + 1) + i
        await client.query(`insert into item (id) values (${id})`)
        await client.query(`update item set amount = 1 where id = ${id}`)
        await client.query(`update item set id = -id where id = ${id}`)
        await client.query(`delete from item where id = -${id}`)
      }
    }),
  )
  await altered
  // Columns have come and gone meanwhile, so only the keys can be compared.
  const changes = (await readChanges(owner, 'item')).slice(length)
  const keysOnly = changes.map(({ op, key }) => ({ op, key, new: {}, old: null }))
  expect(changes.length).toBeGreaterThan(100)
  const keys = [...replay(new Map([['[1]', {}]]), keysOnly).keys()]
  expect(keys.sort()).toEqual([...(await readRows(owner, 'item')).keys()].sort())
})

test('several connections may refresh capture at once, beside writers', async () => {
  const clients = await Promise.all(Array.from({ length: 4 }, () => database.connect()))
  for (let i = 0; i < 5; i++) {
    await owner.query(`alter table item add column c${i} bigint`)
    await changesOf(() =>
      Promise.all([
        ...clients.map((client) => client.query('select event.refresh_capture()')),
        write(writer),
        owner.query(`select event.track('item')`),
      ]),
    )
  }
})

test('a table that is renamed or moved to another schema goes on being captured', async () => {
  await owner.query(
    `alter table item rename to thing; create schema shape_${schemas}_b; alter table thing set schema shape_${schemas}_b`,
  )
  await changesOf(async () => {
    await writer.query(`insert into shape_${schemas}_b.thing values (2)`)
    await writer.query(`truncate shape_${schemas}_b.thing`)
  }, `shape_${schemas}_b.thing`)
})

describe('the primary key', () => {
  test('dropped: rows keep the names that they had', async () => {
    await owner.query('alter table item drop constraint item_pkey; alter table item alter id drop not null')
    const changes = await changesOf(async () => {
      await write(writer)
      await writer.query('update item set amount = 9')
    })
    expect(changes.at(-1)).toMatchObject({ op: 'field_update', key: '[1]' })
    await writer.query(
      'insert into item values (null, null, null); update item set name = null; delete from item where id is null; truncate item',
    )
  })

  test('gone with its column: a writer is warned, and does not fail', async () => {
    await owner.query('alter table item drop column id')
    const { length } = await readChanges(owner, 'item')
    const messages = notices(writer)
    await writer.query(
      `insert into item values ('b', 3); update item set amount = 4; delete from item where amount = 4; truncate item`,
    )
    expect(messages).toHaveLength(4)
    expect(messages[0]).toMatch(/no primary key any more/)
    expect(await readChanges(owner, 'item')).toHaveLength(length)
    await owner.query('select event.refresh_capture()')
    await writer.query(`insert into item values ('b', 3)`)
  })

  test('moved to other columns: rows get new names', async () => {
    await owner.query(
      'alter table item drop constraint item_pkey; alter table item add primary key (name, id)',
    )
    const changes = await changesOf(() => writer.query('update item set amount = 7'))
    expect(changes).toMatchObject([{ op: 'field_update', key: '["a",1]' }])
  })
})

test('a composite type that is altered does not disturb, and is captured as it is', async () => {
  await owner.query(`create type price as (amount bigint, note text); create table offer (id int primary key, price price, prices price[]);
    select event.track('offer')`)
  const offer = `update offer set price = price, prices = array[price] where id = 1`
  const run = () =>
    changesOf(async () => {
      await writer.query(`insert into offer (id) values (1); update offer set price.amount = 5; ${offer}`)
      await writer.query(`delete from offer`)
    }, 'offer')
  expect((await run())[1]?.new).toEqual({ price: { amount: '5', note: null } })
  await owner.query('alter type price add attribute tax numeric')
  expect((await run())[1]?.new).toEqual({ price: { amount: '5', note: null, tax: null } })
  await owner.query('alter type price drop attribute note; alter type price rename attribute tax to "Tax"')
  expect((await run())[1]?.new).toEqual({ price: { amount: '5', Tax: null } })
  await owner.query('select event.refresh_capture()')
  expect((await run())[1]?.new).toEqual({ price: { amount: '5', Tax: null } })
  await owner.query(
    'alter type price drop attribute amount cascade; alter type price add attribute amount int',
  )
  expect((await run())[1]?.new).toEqual({ price: { Tax: null, amount: 5 } })
})

test('a virtual generated column that is computed otherwise is captured so', async () => {
  if (version < 180_000) return
  await owner.query(
    `alter table item add half int generated always as (amount / 2) virtual; select event.track('item')`,
  )
  await changesOf(() => writer.query('update item set amount = 10'))
  await owner.query('alter table item alter half set expression as (amount / 5)')
  const changes = await changesOf(() => writer.query('update item set amount = 20'))
  expect(changes.at(-1)?.new).toEqual({ amount: 20, half: 4 })
})
