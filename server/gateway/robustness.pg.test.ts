import type pg from 'pg'
import { expect, test } from 'vitest'
import type { Subscription } from '../../shared/subscription.ts'
import { startOnNewDatabase } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'

/** A client that follows this, and has its snapshot. */
async function following(url: string, subscription: Subscription, auth = {}): Promise<TestSocket> {
  const socket = new TestSocket(url, auth)
  await socket.attach()
  await socket.next('progress')
  const { id } = await socket.subscribe(subscription)
  await socket.next('snapshot', (m) => m.subscription === id && m.done)
  return socket
}

/** Until this client is told of it, nobody can be told of anything later. */
async function seen(socket: TestSocket, admin: pg.Client, insert: string, key: string): Promise<void> {
  await admin.query(insert)
  await socket.until((changes) => changes.some((c) => c.key === key))
}

const everything = { kind: 'table', relation: 'a' } as const
const filtered = { ...everything, where: { column: 'x', op: 'gt', value: 1 } } as const

test('a column that a filter does not read may go: the rows come afresh, and the stream goes on', async () => {
  await using at =
    await startOnNewDatabase(`create table a (id int primary key, x int, big bigint, extra int);
    insert into a values (1, 5, 1, 1); select event.track('a')`)
  await using socket = await following(at.server.url, filtered)
  await at.admin.query(`begin; alter table a drop column extra; insert into a values (2, 6, 2); commit`)
  const snapshot = await socket.next('snapshot', (m) => m.rows.length === 2)
  expect(snapshot.rows[1]).toEqual(['[2]', { id: 2, x: 6, big: '2' }])
  await seen(socket, at.admin, `insert into a values (3, 7, 3)`, '[3]')
  expect(socket.messages.some((m) => m.event === 'ended')).toBe(false)
})

test('a filter whose column goes ends, and nobody else notices', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, x int, y int); select event.track('a')`,
  )
  await using ends = await following(at.server.url, filtered)
  await using stays = await following(at.server.url, {
    ...everything,
    where: { column: 'y', op: 'gt', value: 1 },
  })
  await at.admin.query(`begin; alter table a drop column x; insert into a values (1, 6); commit`)
  expect(await ends.next('ended')).toMatchObject({ code: 'column_not_found' })
  await stays.next('snapshot', (m) => m.rows.length === 1)
  await seen(stays, at.admin, `insert into a values (2, 7)`, '[2]')
})

test('a table that loses its key ends for who follows it, until it has one again, and nobody else notices', async () => {
  await using at =
    await startOnNewDatabase(`create table a (id int primary key, x int); create table b (id int primary key);
    select event.track('a'), event.track('b')`)
  await using ends = await following(at.server.url, everything)
  await using stays = await following(at.server.url, { kind: 'table', relation: 'b' })
  await at.admin.query(`insert into a values (1, 5)`)
  await at.admin.query(`alter table a drop column id`)
  const refusal = {
    code: 'no_primary_key',
    message: expect.stringContaining('alter table public.a add primary key'),
  }
  expect(await ends.next('ended')).toMatchObject(refusal)
  await expect(ends.subscribe(everything)).rejects.toMatchObject(refusal)
  await seen(stays, at.admin, `insert into b values (1)`, '[1]')
  await at.admin.query(`alter table a add primary key (x)`)
  await ends.subscribe(everything)
  await seen(ends, at.admin, `insert into a values (6)`, '[6]')
})

test('a filtered column that is dropped and added again empties the window, on both sides', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, x int); insert into a values (1, 5), (2, 0); select event.track('a')`,
  )
  await using socket = await following(at.server.url, {
    ...everything,
    where: { column: 'x', op: 'is_null', value: true },
  })
  await at.admin.query(`begin; alter table a drop column x; alter table a add column x int; commit`)
  await socket.next('snapshot', (m) => m.rows.length === 2)
  await at.admin.query(`delete from a where id = 1`)
  await socket.until((changes) => changes.some((c) => c.op === 'row_delete' && c.key === '[1]'))
})

test('a table that is dropped and made anew goes on under its name, for old followers and new ones', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, x int); insert into a values (1, 5); select event.track('a')`,
  )
  await using old = await following(at.server.url, everything)
  await at.admin.query(
    `begin; drop table a; create table a (id int primary key, x int); select event.track('a'); commit`,
  )
  await old.next('snapshot', (m) => m.rows.length === 0)
  await using young = await following(at.server.url, everything)
  await at.admin.query(`insert into a values (7, 7)`)
  for (const socket of [old, young]) await socket.until((changes) => changes.length === 1)
})

test('E-65 over a change of shape nobody continues: the rows come afresh', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, x int); insert into a values (1, 5); select event.track('a')`,
  )
  const first = new TestSocket(at.server.url)
  const reply = await first.attach({ subscriptions: [{ subscription: everything }] })
  if (!reply.ok) throw new Error(reply.message)
  const { shape } = await first.next('snapshot')
  const { to } = await first.next('progress')
  first.socket.disconnect()
  await at.admin.query(`alter table a add column y int not null default 3`)
  await using second = new TestSocket(at.server.url)
  await second.attach({
    session: reply.value.session,
    position: to,
    subscriptions: [{ subscription: everything, held: shape }],
  })
  await second.next('progress')
  expect((await second.next('snapshot')).rows).toEqual([['[1]', { id: 1, x: 5, y: 3 }]])
})

test('a filter that PostgreSQL refuses to evaluate ends alone', async () => {
  await using at = await startOnNewDatabase(`
    create collation ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    create table a (id int primary key, x int, name text collate ci); select event.track('a')`)
  await using victim = await following(at.server.url, filtered)
  // On an empty table nobody can tell that PostgreSQL has no LIKE for this collation, or that an escape is missing.
  await using attacker = await following(at.server.url, {
    ...everything,
    where: { column: 'name', op: 'like', value: 'a%' },
  })
  expect(
    await attacker.request('subscribe', {
      subscription: { ...everything, where: { column: 'name', op: 'like', value: 'a\\' } },
    }),
  ).toMatchObject({ ok: false, code: 'invalid_filter' })
  await seen(victim, at.admin, `insert into a values (2, 5, 'abc')`, '[2]')
  expect(victim.messages.some((m) => m.event === 'ended')).toBe(false)
})

test('keys and filters work with every type of column', async () => {
  await using at = await startOnNewDatabase(`
    create type pair as (a int, b text);
    create type mood as enum ('glad', 'sad');
    create table a (id numeric(10,2) primary key, x int, list int[], doc jsonb, duo pair, mood mood, at timestamptz, raw bytea);
    insert into a values (5, 5, '{1,2}', '"abc"', '(1,x)', 'sad', '2020-01-01 12:00+01', '\\x01');
    create table c (id char(5) primary key, x int); insert into c values ('ab', 5);
    create table g (id int[] primary key, x int); insert into g values ('{1,2}', 5);
    create table "user" ("constructor" uuid primary key, x int); insert into "user" values ('00000000-0000-0000-0000-00000000000a', 5);
    select event.track('a'), event.track('c'), event.track('g'), event.track('user')`)
  await using socket = new TestSocket(at.server.url)
  await socket.attach()
  await socket.next('progress')
  const conditions = {
    list: [1, 2],
    doc: 'abc',
    mood: 'sad',
    at: '2020-01-01T11:00:00Z',
    raw: '\\x01',
  }
  const subscriptions: Subscription[] = [
    { kind: 'row', relation: 'a', key: [5] },
    { kind: 'row', relation: 'c', key: ['ab'] },
    { kind: 'row', relation: 'g', key: [[1, 2]] },
    { kind: 'row', relation: 'user', key: ['00000000-0000-0000-0000-00000000000A'] },
    { kind: 'table', relation: 'g', where: { column: 'id', op: 'in', value: [[1, 2]] } },
    ...Object.entries(conditions).map(([column, value]) => ({
      kind: 'table' as const,
      relation: 'a',
      where: { column, op: 'eq' as const, value },
    })),
  ]
  for (const subscription of subscriptions) {
    const { id } = await socket.subscribe(subscription)
    expect(
      (await socket.next('snapshot', (m) => m.subscription === id)).rows,
      JSON.stringify(subscription),
    ).toHaveLength(1)
  }
  await at.admin.query(`update a set x = 6; update c set x = 6; update g set x = 6; update "user" set x = 6`)
  await socket.until((changes) => changes.length === 4)
  const told = socket.messages.flatMap((m) =>
    m.event === 'batch'
      ? m.message.transactions.flatMap((t) =>
          t.changes.flatMap((c) => c.for.map((i) => m.message.subscriptions[i])),
        )
      : [],
  )
  expect(new Set(told).size).toBe(subscriptions.length)
})

test('N14 a right by membership that is taken away ends what it allowed', async () => {
  await using at = await startOnNewDatabase(`create table a (id int primary key); select event.track('a')`)
  const [group, role] = [await at.database.createRole('nologin'), await at.database.createRole('nologin')]
  await at.admin.query(
    `grant select on a to ${group}; grant ${group} to ${role}; grant ${role} to current_user`,
  )
  await using socket = await following(at.server.url, everything, { role })
  await at.admin.query(`revoke ${group} from ${role}`)
  expect(await socket.next('ended')).toMatchObject({ code: 'permission_denied' })
})

test('clients that leave while they are let in leave nothing behind', async () => {
  await using at =
    await startOnNewDatabase(`create table a (id int primary key, x int); create table b (id int primary key);
    select event.track('a'), event.track('b')`)
  await using bystander = await following(at.server.url, { kind: 'table', relation: 'b' })
  await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      await using socket = new TestSocket(at.server.url)
      await socket.attach()
      await socket.subscribe({ ...everything, where: { column: 'x', op: 'gt', value: i } })
      await new Promise((resolve) => setTimeout(resolve, i % 8))
    }),
  )
  await at.admin.query(`alter table a drop column x; insert into a values (1)`)
  await seen(bystander, at.admin, `insert into b values (1)`, '[1]')
  expect(at.server.rowcast.health()).toMatchObject({ status: 'ok', connections: 1 })
})

test('one subscription that makes no sense does not refuse the others of an attach', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, x int); select event.track('a')`,
  )
  await using socket = new TestSocket(at.server.url)
  const reply = await socket.attach({
    subscriptions: [
      { subscription: { kind: 'table', relation: 'nothing' } },
      { subscription: { kind: 'row', relation: 'a', key: [[[[1]]]] } },
      { subscription: everything },
    ],
  })
  expect(reply).toMatchObject({
    ok: true,
    value: { subscriptions: [{ code: 'relation_not_found' }, { code: 'invalid_key' }, { ok: true }] },
  })
  for (const value of ['\0', '\ud800'])
    expect(
      await socket.request('subscribe', {
        subscription: { ...everything, where: { column: 'x', op: 'eq', value } },
      }),
    ).toMatchObject({ ok: false, code: 'invalid_message' })
})
