import './testing/dom.ts'
import { cleanup, configure, render } from '@testing-library/react'
import type pg from 'pg'
import { StrictMode } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'
import { startRowcast, type RowcastServer } from '../test/rowcast-server.ts'
import {
  createClient,
  or,
  pageSession,
  type Client,
  type ClientOptions,
  type Followed,
} from './core/index.ts'
import { RowcastProvider, useChanges, useField, useRow, useTable } from './react/index.ts'

// these tests wait for what the page shows, as a person does
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: false })

configure({ asyncUtilTimeout: 10_000 })

let database: TestDatabase
let server: RowcastServer
let sql: pg.Client
const clients: Client[] = []

beforeEach(async () => {
  database = await createTestDatabase()
  sql = await database.connect()
  await sql.query(`
    create table person (id int primary key, name text not null, score int not null);
    select event.track('person');
    insert into person values (1, 'joe', 12), (2, 'ann', 16), (3, 'bob', 5), (4, 'eve', 9)`)
  server = await startRowcast(database)
})

afterEach(async () => {
  cleanup()
  for (const client of clients.splice(0)) client.close()
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

function client(options: ClientOptions = {}): Client {
  const made = createClient({
    url: server.url,
    graceMs: 20,
    retryDelayMs: 20,
    maxRetryDelayMs: 100,
    onError: () => undefined,
    ...options,
  })
  clients.push(made)
  return made
}

function followed<T>(rows: Followed<T>): () => T | undefined {
  rows.subscribe(() => undefined)
  return () => rows.getSnapshot().data
}

const until = (check: () => unknown): Promise<unknown> => vi.waitFor(check, { timeout: 10_000, interval: 10 })

/** What the server has noted that sessions follow. */
async function subscriptions(): Promise<string[]> {
  const { rows } = await sql.query('select kind from event.subscription order by kind')
  return rows.map(({ kind }) => kind)
}

test('E-23 E-24 E-25 E-26 every kind of subscription follows what any program writes', async () => {
  const { table, row, field, column } = client()
  const all = followed(table('person', { orderBy: { id: 'asc' } }))
  const joe = followed(row('person', 1))
  const score = followed(field('person', 1, 'score'))
  const names = followed(column('person', 'name'))
  await until(() => expect(all()).toHaveLength(4))
  expect(joe()).toEqual({ id: 1, name: 'joe', score: 12 })

  await sql.query(`begin; update person set name = 'joseph', score = score + 2 where id = 1;
    delete from person where id = 4; insert into person values (5, 'kim', 0); commit`)
  await until(() => expect(score()).toBe(14))
  expect(joe()).toEqual({ id: 1, name: 'joseph', score: 14 })
  expect(all()?.[0]).toBe(joe())
  expect(all()?.map(({ id }) => id)).toEqual([1, 2, 3, 5])
  expect(names()?.map(({ value }) => value)).toEqual(['joseph', 'ann', 'bob', 'kim'])

  await sql.query('truncate person')
  await until(() => expect(all()).toEqual([]))
  expect(joe()).toBeNull()
  expect(score()).toBeUndefined()
  expect(names()).toEqual([])
})

test('E-61 a filtered, ordered, limited list follows rows that start and stop to match, and refills', async () => {
  const { table } = client()
  const where = or({ score: { gte: 9 } }, { name: { like: 'b%' } })
  const best = followed(table('person', { where, orderBy: { score: 'desc' }, limit: 3 }))
  const names = (): unknown => best()?.map(({ name }) => name)
  await until(() => expect(names()).toEqual(['ann', 'joe', 'eve']))
  await sql.query(`update person set score = 20 where name = 'bob'`)
  await until(() => expect(names()).toEqual(['bob', 'ann', 'joe']))
  await sql.query(`update person set score = 1 where name = 'ann'`)
  await until(() => expect(names()).toEqual(['bob', 'joe', 'eve']))
  await sql.query(`delete from person where name = 'joe'`)
  await until(() => expect(names()).toEqual(['bob', 'eve']))
  await sql.query(`insert into person values (9, 'zoe', 10)`)
  await until(() => expect(names()).toEqual(['bob', 'zoe', 'eve']))
})

test('E-61 an unknown column in a filter is a typed error', async () => {
  const rows = client().table('person', { where: { nothing: 3 } })
  rows.subscribe(() => undefined)
  await until(() =>
    expect(rows.getSnapshot()).toMatchObject({ status: 'error', error: { code: 'column_not_found' } }),
  )
})

test('E-62 on a page, only the changed row renders again, under StrictMode too', async () => {
  const renders: Record<number, number> = {}
  function Person({ id }: { id: number }) {
    const person = useRow('person', id)
    renders[id] = (renders[id] ?? 0) + 1
    if (person.status !== 'ready') return <li>…</li>
    return <li>{person.data ? `${String(person.data['name'])} ${String(person.data['score'])}` : 'gone'}</li>
  }
  function Score() {
    return <b>{`score ${String(useField('person', 1, 'score').data)}`}</b>
  }
  function Feed() {
    const changes = useChanges('person')
    return <p>{changes.data?.map(({ op, key }) => `${op} ${key}`).join(', ') ?? '…'}</p>
  }
  const page = render(
    <StrictMode>
      <RowcastProvider client={client()}>
        <Person id={1} />
        <Person id={2} />
        <Score />
        <Feed />
      </RowcastProvider>
    </StrictMode>,
  )
  await page.findByText('joe 12')
  await page.findByText('ann 16')
  await page.findByText('score 12')
  const before = { ...renders }
  await sql.query('update person set score = 13 where id = 1')
  await page.findByText('joe 13')
  await page.findByText('score 13')
  expect(renders).toEqual({ 1: (before[1] ?? 0) + 2, 2: before[2] })
  await sql.query('delete from person where id = 1')
  await page.findByText('gone')
  await page.findByText('field_update [1], row_delete [1]')
  expect(renders[2]).toBe(before[2])
})

test('E-63 while rows are written, a subscription that begins shows each exactly once', async () => {
  const writer = await database.connect()
  let isWriting = true
  const writing = (async () => {
    for (let id = 100; isWriting; id++) await writer.query(`insert into person values ($1, 'x', 0)`, [id])
  })()
  const all: (() => readonly unknown[] | undefined)[] = []
  for (let round = 0; round < 5; round++) {
    const rows = followed(client().table('person'))
    all.push(rows)
    await until(() => expect(rows()?.length).toBeGreaterThan(4))
  }
  isWriting = false
  await writing
  const { rows: expected } = await sql.query('select * from person order by id')
  for (const rows of all)
    await until(() => expect((rows() as { id: number }[]).toSorted((a, b) => a.id - b.id)).toEqual(expected))
})

test('E-65 after the server has been away, a page has what it missed, and has shown its rows all the while', async () => {
  const { table, store } = client()
  const [plain, ordered] = [table('person'), table('person', { orderBy: { score: 'asc' }, limit: 2 })]
  const statuses = new Set<string>()
  for (const rows of [plain, ordered]) rows.subscribe(() => statuses.add(rows.getSnapshot().status))
  await until(() => expect(store.getState().connection.status).toBe('live'))
  const before = plain.getSnapshot().data
  statuses.clear()
  const { port } = server
  await server[Symbol.asyncDispose]()
  await until(() => expect(store.getState().connection.status).toBe('reconnecting'))
  await sql.query(`update person set score = 1 where name = 'ann'; delete from person where name = 'bob'`)
  server = await startRowcast(database, { port })
  await until(() => expect(plain.getSnapshot().data).toHaveLength(3))
  expect(ordered.getSnapshot().data?.map(({ name }) => name)).toEqual(['ann', 'eve'])
  expect(plain.getSnapshot().data?.find(({ id }) => id === 1)).toBe(before?.find(({ id }) => id === 1))
  expect([...statuses]).toEqual(['ready'])
})

test('E-65 a history that broke resets the page, with fresh rows and without flashing', async () => {
  const { table, store } = client()
  const rows = table('person', { orderBy: { id: 'asc' } })
  const statuses = new Set<string>()
  rows.subscribe(() => statuses.add(rows.getSnapshot().status))
  await until(() => expect(rows.getSnapshot().data).toHaveLength(4))
  statuses.clear()
  const { port } = server
  await server[Symbol.asyncDispose]()
  // what a crash does: the unlogged table is empty, and the last changes may be gone
  await sql.query('truncate event.incarnation; delete from person where id = 4; truncate event.change')
  server = await startRowcast(database, { port })
  await until(() => expect(rows.getSnapshot().data?.map(({ id }) => id)).toEqual([1, 2, 3]))
  expect(store.getState().connection.status).toBe('live')
  expect([...statuses]).toEqual(['ready'])
})

test('E-67 the last component to go unsubscribes at the server', async () => {
  function People() {
    return <p>{useTable('person').data?.length}</p>
  }
  const page = render(
    <StrictMode>
      <RowcastProvider client={client()}>
        <People />
        <People />
      </RowcastProvider>
    </StrictMode>,
  )
  await until(() => expect(page.getAllByText('4')).toHaveLength(2))
  expect(await subscriptions()).toEqual(['table'])
  page.unmount()
  await vi.waitFor(async () => expect(await subscriptions()).toEqual([]), 5_000)
})

test('E-68 two clients are two sessions, and one that is reloaded resumes its own', async () => {
  const session = pageSession()
  const sessionCount = async (): Promise<number> =>
    (await sql.query('select from event.session')).rowCount ?? 0
  const [one, two] = [client({ session }), client()]
  for (const { connect, store } of [one, two]) {
    connect()
    await until(() => expect(store.getState().connection.status).toBe('live'))
  }
  expect(await sessionCount()).toBe(2)
  one.close()
  const again = client({ session })
  again.connect()
  await until(() => expect(again.store.getState().connection.status).toBe('live'))
  expect(await sessionCount()).toBe(2)
})

test('E-17 E-18 E-19 a session goes on elsewhere: its subscriptions are there, and what it has not acknowledged', async () => {
  const session = pageSession()
  const here = client({ session })
  const people = followed(here.table('person', { orderBy: { id: 'asc' } }))
  const seenHere = followed(here.changes('person'))
  await until(() => expect(people()).toHaveLength(4))
  const acknowledged = async (): Promise<unknown> =>
    (await sql.query('select position::text from event.session')).rows[0]?.position
  await until(async () => expect(await acknowledged()).not.toBeNull())
  const before = await acknowledged()
  await sql.query('delete from person where id = 1')
  await until(() => expect(seenHere()).toMatchObject([{ op: 'row_delete', key: '[1]' }]))
  here.close() // says how far it has come
  await until(async () => expect(await acknowledged()).not.toBe(before))
  await sql.query(`update person set score = 17 where id = 2; delete from person where id = 3`)
  await sql.query(`insert into person values (5, 'ida', 1)`)

  const elsewhere = client({ session, restore: true })
  const seen = followed(elsewhere.changes('person'))
  await until(() => expect(elsewhere.store.getState().connection.status).toBe('live'))
  expect(seen()).toMatchObject([
    { op: 'field_update', key: '[2]', column: 'score', value: 17 },
    { op: 'row_delete', key: '[3]' },
    { op: 'row_insert', key: '[5]', row: { name: 'ida' } },
  ])
  expect(elsewhere.subscriptions()).toHaveLength(2)
  const restored = elsewhere.table('person', { orderBy: { id: 'asc' } })
  restored.subscribe(() => undefined)
  expect(restored.getSnapshot().data).toMatchObject([{ id: 2 }, { id: 4 }, { id: 5 }]) // at once: it is there already
})

test('a page shows the columns that its role may select, and what becomes of them', async () => {
  const role = await database.createRole('nologin')
  await sql.query(`grant select (id, name) on person to ${role}`)
  const { changes, field, row, table } = client({ auth: { role } })
  const people = followed(table('person', { orderBy: { id: 'asc' } }))
  const joe = followed(row('person', 1))
  const score = field('person', 1, 'score')
  const seen = followed(changes('person'))
  score.subscribe(() => undefined)
  await until(() => expect(joe()).toEqual({ id: 1, name: 'joe' }))
  await until(() => expect(people()?.[1]).toEqual({ id: 2, name: 'ann' }))
  await until(() =>
    expect(score.getSnapshot()).toMatchObject({ status: 'error', error: { code: 'column_not_found' } }),
  )

  await sql.query(`update person set score = 31415 where id = 1; update person set score = 31416, name = 'jo' where id = 1;
    insert into person values (5, 'ida', 31417)`)
  await until(() => expect(people()).toHaveLength(5))
  expect(seen()).toMatchObject([
    { op: 'field_update', key: '[1]', column: 'name', value: 'jo' },
    { op: 'row_insert', key: '[5]', row: { id: 5, name: 'ida' } },
  ])
  expect(JSON.stringify([people(), seen()])).not.toContain('3141')

  await sql.query(`grant select (score) on person to ${role}`)
  await until(() => expect(joe()).toEqual({ id: 1, name: 'jo', score: 31416 }))
  await until(() => expect(people()?.[4]).toEqual({ id: 5, name: 'ida', score: 31417 }))
  await sql.query(`revoke select (score, name) on person from ${role}`)
  await until(() => expect(joe()).toEqual({ id: 1 }))
  await until(() => expect(people()?.[4]).toEqual({ id: 5 }))
})

test('a session that the server has forgotten is replaced, and the page goes on', async () => {
  const { table, store } = client()
  const rows = followed(table('person'))
  await until(() => expect(rows()).toHaveLength(4))
  const { port } = server
  await server[Symbol.asyncDispose]()
  await sql.query('delete from event.session; delete from person where id = 4')
  server = await startRowcast(database, { port })
  await until(() => expect(rows()).toHaveLength(3))
  expect(store.getState().connection.status).toBe('live')
})

test('a subscription is left and asked for again at once, and goes on', async () => {
  const { table } = client({ graceMs: 0 })
  const people = table('person')
  for (let round = 0; round < 20; round++) {
    const stop = people.subscribe(() => undefined)
    await until(() => expect(people.getSnapshot().status).toBe('ready'))
    stop()
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  const rows = followed(people)
  await until(() => expect(rows()).toHaveLength(4))
  await sql.query('delete from person where id = 4')
  await until(() => expect(rows()).toHaveLength(3))
  expect(await subscriptions()).toEqual(['table'])
})
