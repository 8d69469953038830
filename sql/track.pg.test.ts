import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sqlStates } from '../shared/errors.ts'
import { readChanges } from '../test/change-log.ts'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = await database.connect()
})
afterAll(() => database[Symbol.asyncDispose]())

let schemas = 0
beforeEach(async () => {
  await client.query(
    `rollback; reset role; create schema track_${++schemas}; set search_path = track_${schemas}`,
  )
})

const track = (relation: string) => client.query('select event.track($1)', [relation])

/** What is on a table: its triggers with their identities, and who may do what. */
async function whatIsOn(relation: string): Promise<unknown> {
  const { rows } = await client.query(
    `select c.relacl, c.relhasrules, array(select row(t.oid, t.tgname, t.xmin)::text from pg_trigger as t where t.tgrelid = c.oid) as triggers
       from pg_class as c where c.oid = $1::regclass`,
    [relation],
  )
  return rows[0]
}

describe('is refused', () => {
  test('N7 for a table without a primary key, with an error that says what to do', async () => {
    await client.query('create table nokey (id int unique not null)')
    await expect(track('nokey')).rejects.toMatchObject({
      code: sqlStates.no_primary_key,
      message: `track_${schemas}.nokey cannot be tracked: it has no primary key`,
      hint: expect.stringContaining('add primary key'),
    })
    await client.query('insert into nokey values (1); update nokey set id = 2; delete from nokey')
  })

  test.each([
    ['a view', 'create view v as select 1 as id', 'v'],
    ['a materialized view', 'create materialized view v as select 1 as id', 'v'],
    ['a sequence', 'create sequence v', 'v'],
    ['a temporary table', 'create temp table v (id int primary key)', 'pg_temp.v'],
    [
      'a partition',
      'create table p (id int primary key) partition by range (id); create table v partition of p default',
      'v',
    ],
    [
      'a table that others inherit from',
      'create table heir (id int primary key); create table w () inherits (heir)',
      'heir',
    ],
    ['the change log', 'select', 'event.change'],
    ['the sessions', 'select', 'event.session'],
    ['a catalogue', 'select', 'pg_catalog.pg_class'],
  ])('for %s', async (_, sql, relation) => {
    await client.query(sql)
    await expect(track(relation)).rejects.toMatchObject({ code: sqlStates.not_subscribable })
  })

  test('for a relation that is missing', async () => {
    await expect(track('missing')).rejects.toMatchObject({ code: sqlStates.relation_not_found })
    await expect(client.query('select event.track(4000000000::oid::regclass)')).rejects.toMatchObject({
      code: sqlStates.relation_not_found,
    })
  })

  test('to who does not own the table, whatever rights he has', async () => {
    const role = await database.createRole('nologin')
    await client.query(`create table item (id int primary key); grant usage, create on schema track_${schemas} to ${role};
      grant all on item to ${role}; set role ${role}`)
    await expect(track('item')).rejects.toMatchObject({ code: sqlStates.permission_denied })
    await client.query('reset role')
    await track('item')
    await client.query(`set role ${role}`)
    await expect(client.query(`select event.untrack('item')`)).rejects.toMatchObject({
      code: sqlStates.permission_denied,
    })
  })
})

describe('who is no superuser', () => {
  let role: string
  beforeEach(async () => {
    role = await database.createRole('nologin')
    await client.query(`grant usage, create on schema track_${schemas} to ${role}; set role ${role};
      create table item (id int primary key, big bigint); create table foreign_item (id int primary key)`)
  })

  test('tracks and untracks tables of his own', async () => {
    await track('item')
    await client.query(
      `insert into item values (1, 1); truncate item; select event.track('item'); select event.untrack('item'); insert into item values (2)`,
    )
    await client.query('reset role')
    expect((await readChanges(client)).filter(({ key }) => key === '[2]')).toEqual([])
  })

  test('cannot make the log tell of a table that is not his', async () => {
    await client.query('reset role')
    await client.query('create table secret (id int primary key)')
    await track('secret')
    const { rows } = await client.query(
      `select id from event.tracked_relation where oid = 'secret'::regclass`,
    )
    await client.query(`set role ${role}`)
    // The capture functions of another table, as triggers of his own.
    for (const name of ['forged', 'rowcast_insert'])
      await client.query(`create trigger ${name} after insert on item referencing new table as new_rows
        for each statement execute function event.capture_${rows[0].id}_insert()`)
    await client.query('insert into item values (1)')
    await expect(client.query(`select event.capture_${rows[0].id}_insert()`)).rejects.toThrow()
    for (const sql of [
      `select event.register_capture('foreign_item', ${rows[0].id}, false)`,
      `select event.drop_capture('secret')`,
      `select event.notify_captured(1, 1)`,
      `select event.settle(1, 'insert', 1, 'x')`,
      `select event.write_capture('item', 1)`,
      `insert into event.change (actor, op, relation_id, key) values ('x', 'row_delete', 1, '[1]')`,
    ])
      await expect(client.query(sql), sql).rejects.toThrow()
    await client.query(`reset role`)
    expect(await readChanges(client, 'secret')).toEqual([])
    await client.query('insert into secret values (1)')
    expect(await readChanges(client, 'secret')).toHaveLength(1)
  })

  test('cannot have a table counted as tracked that has no triggers', async () => {
    await client.query(`reset role; create table quiet (id int primary key); set role ${role}`)
    const { rows } = await client.query(`select event.make_capture('quiet') as id`)
    await expect(
      client.query(`select event.register_capture('quiet', ${rows[0].id}, false)`),
    ).rejects.toMatchObject({
      code: sqlStates.not_tracked,
    })
    await client.query('reset role')
    const { rows: tracked } = await client.query(
      `select from event.tracked_relation where oid = 'quiet'::regclass`,
    )
    expect(tracked).toEqual([])
    await track('quiet')
  })
})

test('functions that are not meant for applications are not granted', async () => {
  const { rows } = await client.query(`
    select p.proname as name from pg_proc as p
     where p.pronamespace = 'event'::regnamespace and p.prosecdef and has_function_privilege('public', p.oid, 'execute')
       and p.proconfig is null`)
  expect(rows).toEqual([])
  const { rows: tables } = await client.query(`
    select c.relname from pg_class as c where c.relnamespace in ('event'::regnamespace, 'meta'::regnamespace)
       and c.relkind in ('r', 'p', 'S') and has_table_privilege('public', c.oid, 'select, insert, update, delete')`)
  expect(tables).toEqual([])
})

test('tracking again is harmless, and does nothing to a table that has not changed', async () => {
  await client.query('create table item (id int primary key)')
  await track('item')
  const before = await whatIsOn('item')
  const { rows: functions } = await client.query(`select xmin from pg_proc where proname ~ '^capture_'`)
  await track('item')
  expect(await whatIsOn('item')).toEqual(before)
  expect((await client.query(`select xmin from pg_proc where proname ~ '^capture_'`)).rows).toEqual(functions)
  // Nor does it wait for a writer, or a writer for it.
  const writer = await database.connect()
  await writer.query(`begin; insert into track_${schemas}.item values (1)`)
  await client.query(`set lock_timeout = 500; begin; select event.track('item')`)
  await writer.query(`set lock_timeout = 500; insert into track_${schemas}.item values (2); commit`)
  await client.query('commit; reset lock_timeout')
  expect(await readChanges(client, 'item')).toHaveLength(2)
})

test('untracking leaves nothing on the table, and keeps the log', async () => {
  const owner = await database.createRole('nologin')
  await client.query(`grant all on schema track_${schemas} to ${owner}; set role ${owner};
    create table item (id int primary key) partition by range (id); create table item_1 partition of item default`)
  const before = [await whatIsOn('item'), await whatIsOn('item_1')]
  await track('item')
  await client.query('insert into item values (1)')
  await client.query(`select event.untrack('item')`)
  expect([await whatIsOn('item'), await whatIsOn('item_1')]).toEqual(before)
  await client.query('insert into item values (2); truncate item; reset role')
  const { rows } =
    await client.query(`select c.op, r.relation_name from event.change as c join event.tracked_relation as r on r.id = c.relation_id
    where r.schema_name = 'track_${schemas}'`)
  expect(rows).toEqual([{ op: 'row_insert', relation_name: 'item' }])
  await expect(client.query(`select event.untrack('item')`)).rejects.toMatchObject({
    code: sqlStates.not_tracked,
  })
  await track('item')
})

test('a tracked table can be dropped, and its name used again', async () => {
  await client.query('create table item (id int primary key)')
  await track('item')
  await client.query(
    'insert into item values (1); drop table item; create table item (id bigint primary key)',
  )
  await client.query('select event.refresh_capture()')
  await track('item')
  await client.query('insert into item values (2)')
  expect(await readChanges(client, 'item')).toMatchObject([{ op: 'row_insert', key: '["2"]' }])
})

test('several connections may track the same tables at once, beside writers, and no change is missed after', async () => {
  await client.query('create table item (id int primary key); create table thing (id int primary key)')
  const trackers = await Promise.all(Array.from({ length: 4 }, () => database.connect()))
  const writers = await Promise.all(Array.from({ length: 3 }, () => database.connect()))
  let isTracked = false
  const written: number[] = []
  await Promise.all([
    ...trackers.map(async (tracker) => {
      for (const table of ['item', 'thing'])
        await tracker.query(`select event.track('track_${schemas}.${table}')`)
      isTracked = true
    }),
    ...writers.map(async (writer, n) => {
      for (let i = 0, logged = 0; logged < 30; i++) {
        const mustBeLogged = isTracked
        const id = n * 1000 + i
        await writer.query(`insert into track_${schemas}.item values (${id})`)
        if (mustBeLogged) logged = written.push(id)
      }
    }),
  ])
  const logged = new Set((await readChanges(client, 'item')).map(({ key }) => key))
  expect(written.filter((id) => !logged.has(`[${id}]`))).toEqual([])
  expect(written.length).toBeGreaterThan(0)
  const { rows } = await client.query(
    `select count(*)::int as n from pg_trigger where tgrelid = 'item'::regclass`,
  )
  expect(rows).toEqual([{ n: 5 }])
})
