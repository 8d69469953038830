import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { migrate } from './migrate.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = await database.connect()
})
afterAll(() => database[Symbol.asyncDispose]())

/** A database of the same server that has not been migrated, dropped after `work`. */
async function withEmptyDatabase(work: (url: string) => Promise<void>): Promise<void> {
  const name = `${database.name}_${randomBytes(3).toString('hex')}`.slice(-60)
  await client.query(`create database "${name}" template template0`)
  const url = new URL(database.url)
  url.pathname = name
  try {
    await work(url.href)
  } finally {
    await client.query(`drop database "${name}" with (force)`)
  }
}

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query<T>(sql)).rows
  } finally {
    await client.end()
  }
}

test('several servers may migrate an empty database at once', async () => {
  await withEmptyDatabase(async (url) => {
    await Promise.all(Array.from({ length: 4 }, () => migrate(url)))
    const rows = await query<{ name: string }>(url, 'select name from event.migration order by name')
    expect(rows.map(({ name }) => name).slice(0, 2)).toEqual(['0001_schemas.sql', '0002_change_log.sql'])
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
    await query(
      url,
      `create table item (id int primary key); select event.track('item'); insert into item values (1)`,
    )
    expect(await query(url, 'select key from event.change')).toEqual([{ key: '[1]' }])
  })
})

test('migrating again changes nothing that is kept, and what was tracked stays captured', async () => {
  await client.query(
    `create table item (id int primary key); select event.track('item'); insert into item values (1)`,
  )
  const state = `select (select array_agg(m order by m.name) from event.migration as m) as migrations,
    (select array_agg(c order by c.seq) from event.change as c) as changes, (select array_agg(r) from event.tracked_relation as r) as tracked`
  const { rows: before } = await client.query(state)
  await migrate(client)
  await migrate(client)
  expect((await client.query(state)).rows).toEqual(before)
  await client.query('insert into item values (2)')
  expect((await client.query('select key from event.change order by seq')).rows).toEqual([
    { key: '[1]' },
    { key: '[2]' },
  ])
})

test('a new release makes the capture functions anew', async () => {
  await client.query(
    `create table made_before (id int primary key, n int); select event.track('made_before')`,
  )
  const { rows } = await client.query(
    `select id from event.tracked_relation where oid = 'made_before'::regclass`,
  )
  await client.query(`update event.tracked_relation set capture_version = 'of an older release' where id = ${rows[0].id};
    create or replace function event.capture_${rows[0].id}_insert() returns trigger language plpgsql as 'begin return null; end'`)
  await migrate(client)
  await client.query('insert into made_before values (7)')
  const { rows: logged } = await client.query(
    `select key from event.change where relation_id = ${rows[0].id}`,
  )
  expect(logged).toEqual([{ key: '[7]' }])
})

test('an error names the file, and leaves nothing half done', async () => {
  await withEmptyDatabase(async (url) => {
    // In the way of 0002.
    await query(url, 'create schema event; create table event.change (id int)')
    await expect(migrate(url)).rejects.toThrow(
      /^sql\/migrations\/0002_change_log\.sql: relation "change" already exists$/,
    )
    expect(
      await query(url, `select to_regclass('event.tracked_relation') as it, to_regnamespace('meta') as meta`),
    ).toEqual([{ it: null, meta: null }])
    await query(url, 'drop table event.change')
    await migrate(url)
  })
})

test('a connection keeps its settings, and can be used after an error', async () => {
  await migrate(client)
  const { rows } = await client.query(
    `select current_setting('check_function_bodies') as check, current_setting('client_min_messages') as level`,
  )
  expect(rows).toEqual([{ check: 'on', level: 'notice' }])
})

test('every function has a body that PostgreSQL can read', async () => {
  const { rows } = await client.query<{ name: string; sql: string }>(`
    select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as sql from pg_proc as p
     where p.pronamespace in ('event'::regnamespace, 'meta'::regnamespace) and p.prokind = 'f'`)
  expect(rows.length).toBeGreaterThan(50)
  await client.query('begin; set local check_function_bodies = on')
  for (const { name, sql } of rows)
    await client.query(sql).catch((error: unknown) => {
      throw new Error(name, { cause: error })
    })
  await client.query('rollback')
})

test('a role that owns the database migrates it, and captures tables of other roles, without being a superuser', async () => {
  const keeper = await database.createRole(`login password 'secret'`)
  const app = await database.createRole('nologin')
  await withEmptyDatabase(async (url) => {
    const asKeeper = new URL(url)
    asKeeper.username = keeper
    asKeeper.password = 'secret'
    await query(url, `alter database "${asKeeper.pathname.slice(1)}" owner to ${keeper}`)
    await migrate(asKeeper.href)
    await query(
      url,
      `create schema app authorization ${app}; set role ${app};
      create table app.item (id int primary key, big bigint); select event.track('app.item');
      insert into app.item values (1, 1), (2, 2); update app.item set big = 3; truncate app.item; select event.epoch()`,
    )
    const changes = await query(asKeeper.href, 'select op, key from event.change order by seq')
    expect(changes.map(({ op, key }) => `${op} ${key}`)).toEqual([
      'row_insert [1]',
      'row_insert [2]',
      'field_update [1]',
      'field_update [2]',
      'row_delete [1]',
      'row_delete [2]',
    ])
    // What it was granted may be taken away: then truncate goes unseen, and goes on.
    await query(
      url,
      `set role ${app}; insert into app.item values (1); revoke select on app.item from ${keeper}; truncate app.item`,
    )
    await query(url, `set role ${app}; select event.track('app.item'); select event.untrack('app.item')`)
    expect(await query(url, `select has_table_privilege('${keeper}', 'app.item', 'select') as may`)).toEqual([
      { may: false },
    ])
    await query(
      url,
      `drop schema app cascade; drop schema event, meta cascade; alter database "${asKeeper.pathname.slice(1)}" owner to current_user`,
    )
  })
})

test('Rowcast lives in its two schemas: dropped, they leave nothing', async () => {
  await withEmptyDatabase(async (url) => {
    const objects = `select array(select oid::regclass::text from pg_class where relnamespace not in ('pg_toast'::regnamespace)
      and relkind <> 'i' order by 1) as relations, array(select nspname from pg_namespace where nspname not like 'pg_toast%' order by 1) as schemas,
      array(select oid::regprocedure::text from pg_proc order by 1) as functions, array(select typname from pg_type order by 1) as types`
    const before = await query(url, objects)
    await migrate(url)
    await query(url, 'set client_min_messages = warning; drop schema event, meta cascade')
    expect(await query(url, objects)).toEqual(before)
  })
})
