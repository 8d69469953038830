import { expect, test } from 'vitest'
import { defaultPath, type Attached, type Reply } from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { RawWebSocket } from '../../test/raw-websocket.ts'
import { startOnNewDatabase } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'
import type { Limits } from './limits.ts'

const row = (id: number): Subscription => ({ kind: 'row', relation: 'a', key: [id] })
const above = (x: number): Subscription => ({
  kind: 'table',
  relation: 'a',
  where: { column: 'x', op: 'gt', value: x },
})

function serving(limits: Partial<Limits>) {
  return startOnNewDatabase(`create table a (id int primary key, x int); select event.track('a')`, { limits })
}

function asking(subscriptions: readonly Subscription[]) {
  return { subscriptions: subscriptions.map((subscription) => ({ subscription })) }
}

/** What became of each subscription that these asked for. */
function codesOf(replies: readonly Reply<Attached>[]): string[] {
  return replies
    .flatMap((reply) => (reply.ok ? reply.value.subscriptions : [reply]))
    .map((each) => (each.ok ? 'ok' : each.code))
}

function count(codes: readonly string[], code: string): number {
  return codes.filter((each) => each === code).length
}

test('connections of a user that attach at the same moment follow together what he may, and not more', async () => {
  await using at = await serving({ subscriptionsPerIdentity: 7, scansPerIdentity: 3 })
  const sockets = Array.from({ length: 6 }, () => new TestSocket(at.server.url, { sub: 'ann' }))
  const replies = await Promise.all(
    sockets.map((socket, i) => socket.attach(asking([above(i), row(i), above(i + 10), row(i + 10)]))),
  )
  const codes = codesOf(replies)
  expect(count(codes, 'ok')).toBe(7)
  expect(count(codes, 'limit_exceeded')).toBe(17)
  const ids = replies.flatMap((reply) =>
    reply.ok ? reply.value.subscriptions.flatMap((each) => (each.ok ? each.value.id : [])) : [],
  )
  expect(ids.filter((id) => id.startsWith('query:')).length).toBeLessThanOrEqual(3)
  await using other = new TestSocket(at.server.url, { sub: 'bob' })
  expect(codesOf([await other.attach(asking([above(1), row(1)]))])).toEqual(['ok', 'ok'])
  for (const { socket } of sockets) socket.disconnect()
})

test('connections that attach to one session at the same moment follow together what it may, and not more', async () => {
  await using at = await serving({ subscriptionsPerSession: 5 })
  await using first = new TestSocket(at.server.url)
  const reply = await first.attach()
  if (!reply.ok) throw new Error(reply.message)
  const sockets = Array.from({ length: 4 }, () => new TestSocket(at.server.url))
  const { session } = reply.value
  const codes = codesOf(
    await Promise.all(
      sockets.map((socket, i) => socket.attach({ session, ...asking([row(i), row(i + 10)]) })),
    ),
  )
  expect(count(codes, 'ok')).toBe(5)
  for (const { socket } of sockets) socket.disconnect()
})

test('a page that asks for many filters at the same moment follows as many as it may', async () => {
  await using at = await serving({ scansPerSession: 2 })
  await using socket = new TestSocket(at.server.url)
  await socket.attach()
  const ask = (x: number) => socket.request<unknown>('subscribe', { subscription: above(x) })
  const replies = await Promise.all(Array.from({ length: 12 }, (_, x) => ask(x)))
  expect(replies.filter(({ ok }) => ok)).toHaveLength(2)
})

test('what is granted to an attach counts until it is answered, or its connection has gone', async () => {
  await using at = await serving({ subscriptionsPerIdentity: 3, connectionsPerIdentity: 2 })
  const ann = () => new TestSocket(at.server.url, { sub: 'ann' })
  const isWaiting = async () => {
    const waiting = `select from pg_locks where not granted and relation = 'event.session'::regclass`
    return (await at.admin.query(waiting)).rows.length > 0
  }
  await using one = ann()
  await one.attach()
  const other = await at.database.connect()
  await other.query('begin; lock event.session')
  await using slow = ann()
  const left = expect(slow.attach(asking([row(1), row(2), row(3)]))).rejects.toThrow('disconnected')
  await expect.poll(isWaiting).toBe(true)
  const subscribing = (id: number) => one.request('subscribe', { subscription: row(id) })
  expect(await subscribing(4)).toMatchObject({ code: 'limit_exceeded' })
  slow.socket.disconnect()
  await left
  await using next = await untilLetIn(ann)
  const subscribed = subscribing(4)
  await other.query('rollback')
  expect(await subscribed).toMatchObject({ ok: true })
  expect(await next.attach(asking([row(5), row(6)]))).toMatchObject({ ok: true })
  expect(await subscribing(7)).toMatchObject({ code: 'limit_exceeded' })
  next.socket.disconnect()
  await expect.poll(() => at.server.rowcast.health().connections).toBe(1)
  expect(await subscribing(7)).toMatchObject({ ok: true })
})

async function untilLetIn(connect: () => TestSocket): Promise<TestSocket> {
  for (;;) {
    const socket = connect()
    if (await isLetIn(socket)) return socket
  }
}

function isLetIn({ socket }: TestSocket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.on('connect', () => resolve(true))
    socket.on('connect_error', () => resolve(false))
  })
}

test('who connects many times at the same moment has as many connections as he may', async () => {
  const attempts = 12
  const coming: (() => void)[] = []
  await using at = await startOnNewDatabase('select', {
    limits: { connectionsPerIdentity: 3 },
    // All are known in the same turn, as when they waited for one key set.
    authenticate: async () => {
      await new Promise<void>((resolve) => {
        coming.push(resolve)
        if (coming.length === attempts) for (const go of coming) go()
      })
      return { role: at.database.reader, claims: { sub: 'ann' } }
    },
  })
  const sockets = Array.from({ length: attempts }, () => new TestSocket(at.server.url))
  const isIn = await Promise.all(sockets.map(isLetIn))
  expect(isIn.filter(Boolean)).toHaveLength(3)
  for (const { socket } of sockets) socket.disconnect()
})

test('who goes before it is known who he is does not count', async () => {
  let letIn: () => void = () => undefined
  const isKnown = new Promise<void>((resolve) => (letIn = resolve))
  await using at = await startOnNewDatabase('select', {
    limits: { connectionsPerIdentity: 1 },
    authenticate: async ({ auth }) => {
      if (auth['isSlow'] === true) await isKnown
      return { role: at.database.reader, claims: { sub: auth['sub'] } }
    },
  })
  using gone = await RawWebSocket.open(at.server.port, `${defaultPath}/`)
  gone.sendFrame('40{"sub":"ann","isSlow":true}')
  await using other = new TestSocket(at.server.url, { sub: 'bob' })
  await other.attach()
  gone.socket.destroy()
  for (let i = 0; i < 20; i++) await other.request('ack', {}) // the server has noticed by then
  letIn()
  await other.request('ack', {})
  await using again = new TestSocket(at.server.url, { sub: 'ann' })
  expect(await isLetIn(again)).toBe(true)
})
