import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Attached } from '../../shared/protocol.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { startRowcast, type RowcastServer } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'

let database: TestDatabase
let sql: pg.Client
let here: RowcastServer
let there: RowcastServer

beforeAll(async () => {
  database = await createTestDatabase()
  sql = await database.connect()
  await sql.query(`create table item (id int primary key, name text); select event.track('item')`)
  here = await startRowcast(database, { sessions: { maxPerIdentity: 3 } })
  there = await startRowcast(database)
})
afterAll(async () => {
  await Promise.all([here, there].map((server) => server[Symbol.asyncDispose]()))
  await database[Symbol.asyncDispose]()
})

const items = { subscription: { kind: 'table' as const, relation: 'item' } }

async function attach(
  socket: TestSocket,
  request: Parameters<TestSocket['attach']>[0] = {},
): Promise<Attached> {
  const reply = await socket.attach(request)
  if (!reply.ok) throw new Error(reply.message)
  await socket.next('progress')
  return reply.value
}

function disconnected(socket: TestSocket): Promise<unknown> {
  return expect.poll(() => socket.socket.connected, { timeout: 10_000 }).toBe(false)
}

test('a session that is ended at one server is over at all of them; who comes back with it is told, and begins anew', async () => {
  await using first = new TestSocket(here.url, { sub: 'ann' })
  await using second = new TestSocket(there.url, { sub: 'ann' })
  await using other = new TestSocket(there.url, { sub: 'ann' })
  const { session } = await attach(first, { subscriptions: [items] })
  await attach(second, { session, subscriptions: [items] })
  await attach(other)
  await here.rowcast.sessions.end(session.id)
  await Promise.all([disconnected(first), disconnected(second)])
  expect(other.socket.connected).toBe(true)

  await using again = new TestSocket(there.url, { sub: 'ann' })
  expect(await again.attach({ session })).toMatchObject({ ok: false, code: 'session_not_found' })
  expect((await attach(again)).resumed).toBe(false)
  await expect(here.rowcast.sessions.end(session.id)).rejects.toMatchObject({ code: 'session_not_found' })
  await expect(here.rowcast.sessions.end('nonsense')).rejects.toMatchObject({ code: 'session_not_found' })
})

test('sign out everywhere: all sessions of a user end, and nobody else’s', async () => {
  await using one = new TestSocket(here.url, { sub: 'bob' })
  await using two = new TestSocket(there.url, { sub: 'bob' })
  await using other = new TestSocket(there.url, { sub: 'bobby' })
  await using nobody = new TestSocket(there.url)
  const role = database.reader
  for (const socket of [one, two, other, nobody]) await attach(socket)
  expect(await there.rowcast.sessions.endAll({ role, sub: 'bob' })).toBe(2)
  await Promise.all([disconnected(one), disconnected(two)])
  expect([other, nobody].map(({ socket }) => socket.connected)).toEqual([true, true])
  // A slip in the application must not end everybody's.
  for (const slip of [{ role }, { role, sub: undefined }, { sub: 'bob' }, {}])
    await expect(there.rowcast.sessions.endAll(slip as never)).rejects.toThrow('needs a role')
  expect([other, nobody].map(({ socket }) => socket.connected)).toEqual([true, true])
})

test('E-13 E-22 one session at two servers: each connection gets each change once, and what either follows stays the session’s', async () => {
  await sql.query('create table other (id int primary key); select event.track($$other$$)')
  const others = { subscription: { kind: 'table' as const, relation: 'other' } }
  const first = new TestSocket(here.url, { sub: 'ida' })
  const { session } = await attach(first, { subscriptions: [items] })
  await using second = new TestSocket(there.url, { sub: 'ida' })
  await attach(second, { session, subscriptions: [items, others] })
  // Back at the first server, where it is alone, while the second goes on.
  first.socket.disconnect()
  await using third = new TestSocket(here.url, { sub: 'ida' })
  await attach(third, { session, subscriptions: [items] })
  await sql.query(`insert into item values (1, 'a'); insert into other values (2)`)
  await second.until((changes) => changes.length === 2)
  await third.until((changes) => changes.length === 1)
  await sql.query('delete from item; delete from other')
  await second.until((changes) => changes.length === 4)
  await third.until((changes) => changes.length === 2)
  const briefly = ({ changes }: TestSocket) =>
    changes.map(({ op, relation, key }) => `${op} ${relation} ${key}`)
  const ofItem = ['row_insert public.item [1]', 'row_delete public.item [1]']
  expect(briefly(third)).toEqual(ofItem)
  expect(briefly(second).filter((change) => change.includes('item'))).toEqual(ofItem)
  const { rows } = await sql.query('select id from event.subscription where session_id = $1 order by id', [
    session.id,
  ])
  expect(rows.map(({ id }) => id)).toEqual(['table:public.item', 'table:public.other'])
})

test('sessions are listed with whose they are, what they follow and whether they are in use', async () => {
  const before = Date.now()
  await using socket = new TestSocket(here.url, { sub: 'cleo' })
  const { session } = await attach(socket, { subscriptions: [items] })
  const list = () => there.rowcast.sessions.list({ sub: 'cleo' })
  const role = database.reader
  const [info] = await list()
  expect(info).toEqual({
    id: session.id,
    role,
    sub: 'cleo',
    createdAt: expect.any(Date),
    lastSeenAt: expect.any(Date),
    expiresAt: expect.any(Date),
    subscriptions: 1,
    isAttached: true,
  })
  const days = (Number(info?.expiresAt) - before) / (24 * 60 * 60 * 1000)
  expect(Math.round(days)).toBe(30)
  socket.socket.disconnect()
  await expect.poll(async () => (await list())[0]?.isAttached).toBe(false)
  expect(await there.rowcast.sessions.list({ role: 'nobody' })).toEqual([])
  expect(await there.rowcast.sessions.list({ role, limit: 1 })).toHaveLength(1)
})

test('E-16 N15 a socket learns nothing of sessions that are not its own: one answer, whatever the reason', async () => {
  await using socket = new TestSocket(here.url, { sub: 'dan' })
  const { session } = await attach(socket)
  const ended = await attach(new TestSocket(here.url, { sub: 'eve' }))
  await here.rowcast.sessions.end(ended.session.id)
  const expired = await attach(new TestSocket(there.url, { sub: 'eve' }))
  await sql.query(`update event.session set expires_at = now() - interval '1 s' where id = $1`, [
    expired.session.id,
  ])
  const attempts = [
    session,
    { ...session, token: 'x' },
    ended.session,
    expired.session,
    { ...session, id: '00000000-0000-4000-8000-000000000000' },
    { ...session, id: 'nonsense' },
    { ...session, id: `'; drop table item; --` },
    { ...session, id: '' },
  ]
  await using eve = new TestSocket(there.url, { sub: 'eve' })
  for (const key of attempts)
    expect(await eve.attach({ session: key })).toEqual({
      ok: false,
      code: 'session_not_found',
      message: `there is no session ${key.id} for this client: attach without one`,
    })
  expect((await attach(eve)).resumed).toBe(false)
})

test('who has as many sessions in use as the limit is told so, and may go on when one is closed', async () => {
  const sockets = Array.from({ length: 4 }, () => new TestSocket(here.url, { sub: 'finn' }))
  for (const socket of sockets.slice(0, 3)) await attach(socket)
  const fourth = sockets[3] as TestSocket
  expect(await fourth.attach()).toMatchObject({ ok: false, code: 'session_limit' })
  sockets[0]?.socket.disconnect()
  await expect.poll(async () => (await fourth.attach()).ok, { timeout: 10_000 }).toBe(true)
  for (const { socket } of sockets) socket.disconnect()
})

test('a server that closes has nothing attached any more', async () => {
  const third = await startRowcast(database)
  const socket = new TestSocket(third.url, { sub: 'gil' })
  await attach(socket)
  await third[Symbol.asyncDispose]()
  expect(await here.rowcast.sessions.list({ sub: 'gil' })).toMatchObject([{ isAttached: false }])
})

test('an idle page keeps its session, an end that was not told is found, and what nobody uses expires', async () => {
  await using server = await startRowcast(database, { sessions: { expireAfterMs: 3_000 } })
  const idle = new TestSocket(server.url, { sub: 'hal' })
  const untold = new TestSocket(server.url, { sub: 'hal' })
  const [kept, lost] = [await attach(idle), await attach(untold)]
  const start = Date.now()
  // As if the notification had been lost: no trigger fires.
  await sql.query('begin; set local session_replication_role = replica')
  for (const table of ['server_session', 'subscription'])
    await sql.query(`delete from event.${table} where session_id = $1`, [lost.session.id])
  await sql.query('delete from event.session where id = $1', [lost.session.id])
  await sql.query('commit')
  await disconnected(untold)

  await expect.poll(() => Date.now() - start, { timeout: 10_000 }).toBeGreaterThan(4_000)
  expect(idle.socket.connected).toBe(true)
  const ids = async () => (await server.rowcast.sessions.list({ sub: 'hal' })).map(({ id }) => id)
  expect(await ids()).toEqual([kept.session.id])
  idle.socket.disconnect()
  const left = () => sql.query('select from event.session where id = $1', [kept.session.id])
  await expect.poll(async () => (await left()).rowCount, { timeout: 20_000 }).toBe(0)
})
