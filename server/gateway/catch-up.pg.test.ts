import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { RowcastOptions } from '../index.ts'
import { createTestDatabase } from '../../test/database.ts'
import { startRowcast } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'
import { TcpProxy } from '../../test/tcp-proxy.ts'

async function start(sql: string, options: Partial<RowcastOptions> = {}) {
  const database = await createTestDatabase()
  const admin = await database.connect()
  await admin.query(sql)
  const server = await startRowcast(database.url, options)
  return {
    database,
    admin,
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

const tableA = { kind: 'table', relation: 'a' } as const
const tableB = { kind: 'table', relation: 'b' } as const

async function attached(url: string, subscriptions: readonly (typeof tableA | typeof tableB)[]) {
  const socket = new TestSocket(url)
  const reply = await socket.attach({
    subscriptions: subscriptions.map((subscription) => ({ subscription })),
  })
  if (!reply.ok) throw new Error(reply.message)
  await socket.next('progress')
  return { socket, session: reply.value.session }
}

function changesOf(socket: TestSocket): string[] {
  return socket.changes.map(({ op, relation, key }) => `${op} ${relation}.${key}`)
}

test('C-17 a client that takes nothing off costs a bounded amount, holds up nobody, and then gets each change once', async () => {
  await using at = await start(
    `create table a (id int primary key, text text); create table b (id int primary key);
     select event.track('a'); select event.track('b')`,
    { maxBufferedBytes: 1_000_000 },
  )
  const { proxy, url } = await TcpProxy.before(at.server.url)
  await using _proxy = proxy
  const { socket: stuck } = await attached(url, [tableA, tableB])
  const { socket: other } = await attached(at.server.url, [tableA, tableB])
  await using _stuck = stuck
  await using _other = other
  const count = 40
  proxy.setMode('half-open')
  // More than the buffers of the network hold: 40 MB.
  for (let i = 0; i < count; i++) {
    await at.admin.query(
      `insert into a select $1 * 100 + n, repeat('x', 10000) from generate_series(1, 100) as n`,
      [i],
    )
    await at.admin.query('insert into b values ($1)', [i])
    await other.until((changes) => changes.length === (i + 1) * 101)
  }
  proxy.setMode('open')
  await stuck.until((changes) => changes.length >= count * 101)
  await at.admin.query(`insert into b values (${count})`)
  await stuck.until((changes) =>
    changes.some(({ relation, key }) => relation === 'public.b' && key === `[${count}]`),
  )
  expect(stuck.messages.filter(({ event }) => event === 'catch_up').length).toBeGreaterThan(0)
  await other.until((changes) => changes.length === count * 101 + 1)
  expect(changesOf(stuck)).toEqual(changesOf(other))
})

test('E-65 many who come back at once, each from a place of its own, each get exactly what they missed', async () => {
  await using at = await start(
    `create table a (id int primary key); create table b (id int primary key); select event.track('a'); select event.track('b')`,
  )
  const slow = await at.database.connect()
  const seen: { session: { id: string; token: string }; position: string }[] = []
  const { shape } = await (await attached(at.server.url, [tableA])).socket.next('snapshot')
  for (let i = 0; i < 30; i++) {
    const { socket, session } = await attached(at.server.url, [tableA])
    if (i % 7 === 3) await slow.query(`begin; insert into a values (${1000 + i})`)
    await at.admin.query(`insert into a values (${i}); insert into b values (${i})`)
    if (i % 7 === 6) await slow.query('commit')
    const { to } = await socket.next('batch', (batch) => JSON.stringify(batch).includes(`"[${i}]"`))
    seen.push({ session, position: to })
    socket.socket.disconnect()
  }
  await at.admin.query('insert into a values (100); insert into b values (100); delete from a where id = 3')
  const all = (
    await at.admin.query(`select format('%s public.a.%s', c.op, c.key) as change
      from event.change as c join event.tracked_relation as r on r.id = c.relation_id
      where r.relation_name = 'a' order by (select max(x.seq) from event.change as x where x.xid = c.xid), c.seq`)
  ).rows.map((row) => row.change as string)
  const sockets = await Promise.all(
    seen.map(async ({ session, position }) => {
      const socket = new TestSocket(at.server.url)
      await socket.attach({ session, position, subscriptions: [{ subscription: tableA, held: shape }] })
      await socket.next('progress')
      return { socket, position }
    }),
  )
  for (const { socket, position } of sockets) {
    socket.socket.disconnect()
    const { rows } = await at.admin.query(
      `select count(*)::int as missed from event.change as c join event.tracked_relation as r on r.id = c.relation_id
        where r.relation_name = 'a' and not pg_visible_in_snapshot(c.xid, $1::pg_snapshot)`,
      [position.split('/')[1]],
    )
    const changes = changesOf(socket)
    expect(changes).toHaveLength(rows[0].missed)
    expect(changes).toEqual(all.filter((change) => changes.includes(change)))
    expect(socket.messages.map(({ event }) => event)).not.toContain('snapshot')
  }
})

test('a table that is locked holds up only those who follow it', async () => {
  await using at = await start(
    `create table a (id int primary key, x int); create table b (id int primary key);
     select event.track('a'); select event.track('b')`,
  )
  const { socket: ofA } = await attached(at.server.url, [tableB])
  await using _a = ofA
  const filtered = { ...tableA, where: { column: 'x', op: 'gt', value: 1 } } as const
  const { id } = await ofA.subscribe(filtered)
  await ofA.next('snapshot', (snapshot) => snapshot.subscription === id)
  const { socket: ofB } = await attached(at.server.url, [tableB])
  await using _b = ofB

  const locker = await at.database.connect()
  await at.admin.query('insert into a values (1, 5)')
  await ofA.until((changes) => changes.length === 1)
  await at.admin.query('begin; insert into a values (2, 5)')
  await locker.query('begin')
  const locked = locker.query('lock table a in access exclusive mode')
  await sleep(50)
  await at.admin.query('commit')
  await locked
  await at.admin.query('insert into b values (1)')
  await ofB.until((changes) => changes.some(({ key, relation }) => relation === 'public.b' && key === '[1]'))
  await locker.query('commit')
  await ofA.until((changes) => changes.some(({ relation }) => relation === 'public.b'))
  const after = ofA.messages.findIndex(({ event }) => event === 'catch_up')
  const shown = await ofA.next('snapshot', (snapshot) => snapshot.subscription === id, after)
  expect(shown.rows).toEqual([
    ['[1]', { id: 1, x: 5 }],
    ['[2]', { id: 2, x: 5 }],
  ])
})
