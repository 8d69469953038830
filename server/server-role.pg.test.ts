import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pino } from 'pino'
import { createTestDatabase, type TestDatabase } from '../test/database.ts'
import { startRowcast, type RowcastServer } from '../test/rowcast-server.ts'
import { TestSocket } from '../test/socket.ts'
import { createEncodingPool } from './db/pool.ts'
import { LogUpkeep } from './log/log-upkeep.ts'
import { SessionStore } from './session/session-store.ts'
import { SessionUpkeep } from './session/session-upkeep.ts'

/**
 * As in production: one role owns Rowcast's schemas, another the application's, a third one runs the servers, and clients
 * are a fourth. The third has nothing but `event.grant_server` and membership in the fourth.
 */
let database: TestDatabase
let admin: pg.Client
let application: string
let user: string
let servers: RowcastServer[]

beforeAll(async () => {
  database = await createTestDatabase()
  admin = await database.connect()
  application = await database.createRole('nologin')
  user = await database.createRole('nologin')
  await admin.query(`
    create schema shop authorization ${application};
    set role ${application};
    create type shop.state as enum ('open', 'paid');
    create table shop.item (id numeric primary key, name text, state shop.state not null default 'open', secret text);
    select event.track('shop.item');
    grant usage on schema shop to ${user};
    grant select (id, name, state) on shop.item to ${user};
    reset role;
    insert into shop.item (id, name) select i, 'item ' || i from generate_series(1, 20) as i`)
  const authenticate = ({ auth }: { auth: Record<string, unknown> }) => ({
    role: user,
    claims: { sub: String(auth['sub']) },
  })
  servers = [
    await startRowcast(database, { authenticate }),
    await startRowcast(database, { authenticate, sessions: { maxPerIdentity: 2 } }),
  ]
})
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

async function isCaptureCurrent(): Promise<boolean> {
  const { rows } = await admin.query(
    `select capture_version = event.capture_version(oid) as "isCurrent" from event.tracked_relation where oid = 'shop.item'::regclass`,
  )
  return rows[0].isCurrent
}

async function attached(server: RowcastServer | undefined, sub: string): Promise<TestSocket> {
  const socket = new TestSocket(server?.url ?? '', { sub })
  const reply = await socket.attach()
  if (!reply.ok) throw new Error(reply.message)
  await socket.next('progress')
  return socket
}

test('no connection of the servers is a superuser’s, and their user may read no table', async () => {
  const { rows } = await admin.query(
    `select distinct r.rolname, r.rolsuper, r.rolbypassrls, has_table_privilege(r.oid, 'shop.item', 'select') as "readsTable",
            has_table_privilege(r.oid, 'event.change', 'select') as "readsLog"
       from pg_stat_activity as a join pg_roles as r on r.oid = a.usesysid
      where a.datname = current_database() and a.application_name = 'rowcast'`,
  )
  expect(rows).toEqual([
    {
      rolname: new URL(database.serverUrl).username,
      rolsuper: false,
      rolbypassrls: false,
      readsTable: false,
      readsLog: false,
    },
  ])
})

test('every kind of subscription begins, and goes on live', async () => {
  await using socket = await attached(servers[0], 'ann')
  const relation = 'shop.item'
  const ids = [
    await socket.subscribe({ kind: 'table', relation }),
    await socket.subscribe({
      kind: 'table',
      relation,
      where: { column: 'state', op: 'in', value: ['paid'] },
      orderBy: [{ column: 'name', direction: 'desc' }],
      limit: 3,
    }),
    await socket.subscribe({ kind: 'column', relation, column: 'name' }),
    await socket.subscribe({ kind: 'row', relation, key: ['1.0'] }),
    await socket.subscribe({ kind: 'field', relation, key: [2], column: 'state' }),
  ]
  for (const { id } of ids) await socket.next('snapshot', (m) => m.subscription === id && m.done)
  await admin.query(`begin; update shop.item set state = 'paid', name = 'sold' where id in (1, 2);
    insert into shop.item (id, name, secret) values (100, 'new', 'hidden'); delete from shop.item where id = 20; commit`)
  await socket.until((changes) => changes.some(({ op }) => op === 'row_delete'))
  expect(socket.changes).toContainEqual(
    expect.objectContaining({ op: 'row_insert', row: { id: '100', name: 'new', state: 'open' } }),
  )
  expect(JSON.stringify(socket.messages)).not.toContain('hidden')
  const [, { id: ordered } = { id: '' }] = ids
  expect(JSON.stringify(socket.messages.filter(({ event }) => event === 'batch'))).toContain(ordered)
})

test('what the role may not read is refused', async () => {
  await using socket = await attached(servers[0], 'bob')
  await expect(
    socket.subscribe({ kind: 'column', relation: 'shop.item', column: 'secret' }),
  ).rejects.toMatchObject({ code: 'column_not_found' })
  await admin.query(`create table shop.hidden (id int primary key)`)
  await expect(socket.subscribe({ kind: 'table', relation: 'shop.hidden' })).rejects.toMatchObject({
    code: 'relation_not_found',
  })
})

test('a right that is taken away ends what needed it', async () => {
  await using socket = await attached(servers[0], 'cleo')
  const { id } = await socket.subscribe({ kind: 'table', relation: 'shop.item' })
  await socket.next('snapshot', (m) => m.subscription === id && m.done)
  await admin.query(`revoke usage on schema shop from ${user}`)
  expect(await socket.next('ended')).toMatchObject({ subscription: id })
  await admin.query(`grant usage on schema shop to ${user}`)
})

test('sessions are taken up at another server, limited, listed and ended, and expire', async () => {
  await using first = await attached(servers[1], 'dora')
  await using second = await attached(servers[1], 'dora')
  await using third = new TestSocket(servers[1]?.url ?? '', { sub: 'dora' })
  expect(await third.attach()).toMatchObject({ ok: false, code: 'session_limit' })
  const sessions = servers[0]?.rowcast.sessions
  const listed = (await sessions?.list({ role: user, sub: 'dora' })) ?? []
  expect(listed.map(({ isAttached }) => isAttached)).toEqual([true, true])
  await sessions?.end(listed[0]?.id ?? '')
  expect(await sessions?.endAll({ role: user, sub: 'dora' })).toBe(1)
  for (const { socket } of [first, second])
    await expect.poll(() => socket.connected, { timeout: 10_000 }).toBe(false)
})

test('the upkeep of sessions and of the change log is the server’s to do', async () => {
  const warnings: unknown[] = []
  const logger = pino({ level: 'warn' }, { write: (line) => void warnings.push(line) })
  const pool = createEncodingPool(database.serverUrl, 2)
  try {
    const upkeep = new SessionUpkeep({ sessions: new SessionStore(pool), logger, onEnd: () => undefined })
    await upkeep.run()
    await admin.query(`select event.retain('1 minute', null);
      update event.log_part set opened_at = now() - interval '1 hour' where opened_at is not null`)
    await new LogUpkeep({ pool, logger }).run()
    await admin.query('insert into shop.item (id) values (200)')
    await admin.query(
      `update event.log_part set closed_at = now() - interval '1 hour', over_at = now() - interval '1 hour' where closed_at is not null`,
    )
    await admin.query('alter table shop.item add column later text') // while nobody follows it
    await new LogUpkeep({ pool, logger }).run()
    expect(await isCaptureCurrent()).toBe(true)
    const { rows } = await pool.query('select event.log_horizon()::text::int8 > 0 as "isPruned"')
    expect(rows).toEqual([{ isPruned: true }])
    expect(warnings).toEqual([])
  } finally {
    await pool.end()
  }
})

test('when the owner of a table alters it, its capture is made anew', async () => {
  await using socket = await attached(servers[0], 'eve')
  const { id } = await socket.subscribe({ kind: 'table', relation: 'shop.item' })
  await socket.next('snapshot', (m) => m.subscription === id && m.done)
  await admin.query(`alter table shop.item add column note text; grant select (note) on shop.item to ${user}`)
  // At once, as a rule; and with the upkeep of the log, each minute, whatever came between.
  await expect.poll(isCaptureCurrent, { timeout: 90_000 }).toBe(true)
  await admin.query(`insert into shop.item (id, note) values (300, 'noted')`)
  await expect.poll(() => JSON.stringify(socket.messages), { timeout: 10_000 }).toContain('noted')
}, 120_000)
