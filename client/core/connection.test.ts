import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { RowcastError } from '../../shared/errors.ts'
import { positionOf } from '../testing/model-server.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { SocketServer } from '../testing/socket-server.ts'
import { createClient, type Client, type ClientOptions } from './client.ts'
import { Connection, type ConnectionParts, type ConnectionState } from './connection.ts'
import { textOf } from './definition.ts'
import { Replica } from './replica.ts'
import { pageSession } from './session-store.ts'
import { Subscriptions } from './subscriptions.ts'
import { Sync } from './sync.ts'

// a busy machine is given its time
vi.setConfig({ testTimeout: 30_000 })
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 10 })

const joe = { id: 1, name: 'joe', score: 12 }
const ann = { id: 2, name: 'ann', score: 16 }
const people = { kind: 'table', relation: 'person' } as const

let server: SocketServer
let errors: RowcastError[]
const clients: Client[] = []

beforeEach(async () => {
  server = await SocketServer.start()
  server.model.write('public.person', joe, ann)
  errors = []
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await server.stop()
})

function client(options: ClientOptions = {}): Client {
  const made = createClient({
    url: server.url,
    retryDelayMs: 20,
    maxRetryDelayMs: 100,
    onError: (error) => errors.push(error),
    ...options,
  })
  clients.push(made)
  return made
}

function statusesOf({ store }: Client): ConnectionState['status'][] {
  const statuses: ConnectionState['status'][] = []
  store.subscribe(({ connection }, before) => {
    if (connection.status !== before.connection.status) statuses.push(connection.status)
  })
  return statuses
}

const live = ({ store }: Client): Promise<void> =>
  until(() => expect(store.getState().connection.status).toBe('live'))

test('the first subscription connects, and rows arrive', async () => {
  const rows = client().follow(people)
  expect(server.handshakes).toEqual([])
  rows.subscribe(() => undefined)
  await until(() => expect(rows.getSnapshot()).toEqual({ status: 'ready', data: [joe, ann] }))
  server.model.write('public.person', { ...joe, score: 13 })
  await until(() => expect(rows.getSnapshot().data).toEqual([{ ...joe, score: 13 }, ann]))
})

test('the store has the rows, the position and the connection', async () => {
  const { store, follow } = client()
  const changes = vi.fn()
  store.subscribe(changes)
  follow(people).subscribe(() => undefined)
  await until(() => expect(store.getState().connection.status).toBe('live'))
  const before = store.getState()
  expect(before.position).toBe(positionOf(1))
  expect(before.relations.get('public.person')?.get('[1]')).toEqual(joe)
  changes.mockClear()
  server.model.write('public.person', { ...joe, score: 13 }, { ...ann, score: 17 })
  await until(() => expect(changes).toHaveBeenCalled())
  expect(changes).toHaveBeenCalledTimes(1)
  const after = store.getState()
  expect(after.relations.get('public.person')).not.toBe(before.relations.get('public.person'))
  expect(after.relations.get('public.person')?.get('[1]')).toEqual({ ...joe, score: 13 })
})

test('E-65 a server that goes away and comes back is found again, and what was missed is applied', async () => {
  const made = client()
  const rows = made.follow(people)
  const seen = new Set<string>()
  rows.subscribe(() => seen.add(rows.getSnapshot().status))
  await live(made)
  seen.clear()
  const statuses = statusesOf(made)
  await server.stop()
  await until(() => expect(made.store.getState().connection).toMatchObject({ status: 'reconnecting' }))
  expect(rows.getSnapshot()).toEqual({ status: 'ready', data: [joe, ann] })
  server.model.delete('public.person', 1)
  await server.start()
  await live(made)
  expect(rows.getSnapshot().data).toEqual([ann])
  expect([...seen]).toEqual(['ready'])
  expect(statuses).toEqual(['reconnecting', 'live'])
  expect(server.connection?.requests[0]).toMatchObject({
    request: { position: positionOf(1), session: { token: 'secret' }, subscriptions: [{ held: 'shape' }] },
  })
})

test('a client that the server disconnects comes back', async () => {
  const made = client()
  made.connect()
  await live(made)
  const statuses = statusesOf(made)
  server.sockets[0]?.disconnect()
  await until(() => expect(statuses).toEqual(['reconnecting', 'live']))
  expect(server.sockets).toHaveLength(2)
})

test('auth is asked for again for each connection', async () => {
  let token = 0
  const made = client({ auth: () => Promise.resolve({ token: ++token }) })
  made.connect()
  await live(made)
  server.sockets[0]?.disconnect()
  await until(() => expect(server.handshakes).toEqual([{ token: 1 }, { token: 2 }]))
})

test('a client that may not connect says so, and tries again', async () => {
  let isKnown = false
  server.refuse = () => (isKnown ? undefined : 'unauthenticated')
  const made = client({ auth: { token: 'x' } })
  made.connect()
  await until(() =>
    expect(made.store.getState().connection).toMatchObject({
      status: 'unauthenticated',
      error: { code: 'unauthenticated' },
    }),
  )
  isKnown = true
  await live(made)
  expect(made.store.getState().connection.error).toBeUndefined()
})

test('what expires is renewed before, on the same connection, and again when it fails', async () => {
  const renewed: unknown[] = []
  server.lasting = { expiresInMs: 2_000 }
  server.renew = (auth) => {
    renewed.push(auth['token'])
    return renewed.length === 1
      ? { ok: false, code: 'internal', message: 'not now' }
      : { ok: true, value: renewed.length === 2 ? { expiresInMs: 2_000 } : {} }
  }
  let token = 0
  const made = client({ auth: () => Promise.resolve({ token: ++token }) })
  made.connect()
  await live(made)
  const statuses = statusesOf(made)
  await until(() => expect(renewed).toEqual([2, 3, 4]))
  expect(server.handshakes).toEqual([{ token: 1 }])
  expect(statuses).toEqual([])
  expect(errors).toMatchObject([{ code: 'internal' }])
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(renewed).toHaveLength(3) // the last one is good for ever
})

test('an auth function that fails in between is asked again', async () => {
  server.lasting = { expiresInMs: 2_000 }
  const renewed: unknown[] = []
  server.renew = (auth) => {
    renewed.push(auth)
    return { ok: true, value: {} }
  }
  let attempts = 0
  const made = client({
    auth: () => (++attempts === 2 ? Promise.reject(new Error('no token')) : { attempts }),
  })
  made.connect()
  await until(() => expect(renewed).toEqual([{ attempts: 3 }]))
  expect(errors).toMatchObject([{ code: 'unauthenticated' }])
  expect(server.sockets).toHaveLength(1)
})

test('credentials that are no function are not sent again', async () => {
  server.lasting = { expiresInMs: 60 }
  const renew = vi.fn(() => ({ ok: true, value: {} }) as const)
  server.renew = renew
  const made = client({ auth: { token: 'x' } })
  made.connect()
  await live(made)
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(renew).not.toHaveBeenCalled()
})

test('when the time is over the page says so, keeps its rows, and is live again with a new token', async () => {
  const made = client({ auth: () => ({ token }) })
  let token = 'old'
  server.refuse = (auth) => (server.sockets.length > 0 && auth['token'] === 'old' ? 'expired' : undefined)
  const rows = made.follow(people)
  rows.subscribe(() => undefined)
  await live(made)
  const statuses = statusesOf(made)
  server.sockets[0]?.emit('expired', {})
  server.sockets[0]?.disconnect(true)
  await until(() => expect(server.handshakes.length).toBeGreaterThan(2))
  expect(made.store.getState().connection).toMatchObject({
    status: 'unauthenticated',
    error: { code: 'expired' },
  })
  expect(rows.getSnapshot()).toEqual({ status: 'ready', data: [joe, ann] })
  server.model.delete('public.person', 1)
  token = 'new'
  await until(() => expect(rows.getSnapshot().data).toEqual([ann]))
  expect(statuses).toEqual(['unauthenticated', 'live'])
})

test('renewAuth tells the server at once; what it does not accept is thrown, and changes nothing', async () => {
  let token = 'first'
  server.renew = ({ token }) =>
    token === 'stolen' ? { ok: false, code: 'identity_changed', message: 'another' } : { ok: true, value: {} }
  const made = client({ auth: () => ({ token }) })
  await made.renewAuth() // not connected yet: nothing to tell
  made.connect()
  await live(made)
  token = 'second'
  await made.renewAuth()
  token = 'stolen'
  await expect(made.renewAuth()).rejects.toMatchObject({ code: 'identity_changed' })
  expect(made.store.getState().connection.status).toBe('live')
  expect(server.sockets).toHaveLength(1)
})

test('renewAuth does not forget the session that is just being loaded', async () => {
  const session = pageSession()
  const first = client({ session })
  first.connect()
  await live(first)
  first.close()
  let load: () => void = () => undefined
  const loading = new Promise<void>((resolve) => (load = resolve))
  const again = client({ session: { ...session, load: () => loading.then(() => session.load()) } })
  again.connect()
  await again.renewAuth()
  load()
  await live(again)
  expect(server.connection?.requests[0]?.request).toMatchObject({ session: await session.load() })
})

test('renewAuth connects who waits for another attempt, and asks auth anew', async () => {
  let token = 'bad'
  server.refuse = (auth) => (auth['token'] === 'bad' ? 'unauthenticated' : undefined)
  const made = client({ auth: () => ({ token }), retryDelayMs: 3_600_000, maxRetryDelayMs: 3_600_000 })
  made.connect()
  await until(() => expect(made.store.getState().connection.status).toBe('unauthenticated'))
  token = 'good'
  await made.renewAuth()
  await live(made)
})

test('an auth function that fails is asked again', async () => {
  let attempts = 0
  const made = client({
    auth: () => (++attempts < 3 ? Promise.reject(new Error('no token')) : { token: 'x' }),
  })
  made.connect()
  await live(made)
  expect(server.handshakes).toEqual([{ token: 'x' }])
})

test('a server that speaks another protocol is not asked again', async () => {
  server.answer = () => ({ ok: false, code: 'unsupported_protocol', message: 'reload the page' })
  const made = client()
  made.connect()
  await until(() =>
    expect(made.store.getState().connection).toMatchObject({
      status: 'closed',
      error: { code: 'unsupported_protocol' },
    }),
  )
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(server.sockets).toHaveLength(1)
})

test('a server that fails to attach is asked again', async () => {
  let failures = 2
  server.answer = () => (failures-- > 0 ? { ok: false, code: 'internal', message: 'failed' } : undefined)
  const made = client()
  made.connect()
  await live(made)
  expect(errors).toMatchObject([{ code: 'internal' }, { code: 'internal' }])
})

test('a session that is no more is replaced by a new one, without what the former held', async () => {
  const session = pageSession()
  session.save({ id: '00000000-0000-4000-8000-000000000099', token: 'old' })
  server.answer = (request) =>
    (request as { session?: { token: string } }).session?.token === 'old'
      ? { ok: false, code: 'session_not_found', message: 'no such session' }
      : undefined
  const made = client({ session })
  made.connect()
  await live(made)
  expect(await session.load()).toMatchObject({ token: 'secret' })
  expect(server.sockets).toHaveLength(1)
})

test('E-68 two clients are two sessions, and a client resumes the session that its store has kept', async () => {
  const session = pageSession()
  const [first, other] = [client({ session }), client()]
  first.connect()
  await live(first)
  const kept = await session.load()
  other.connect()
  await live(other)
  expect(server.connection?.requests[0]?.request).not.toHaveProperty('session')
  first.close()
  const reloaded = client({ session })
  reloaded.connect()
  await live(reloaded)
  expect(server.connection?.requests[0]?.request).toMatchObject({ session: kept })
})

test('E-66 a malformed message is reported and skipped without losing the connection', async () => {
  const made = client()
  const rows = made.follow(people)
  rows.subscribe(() => undefined)
  await live(made)
  const [socket] = server.sockets
  for (const message of [{ to: 5 }, null, 'batch', { to: 'x', subscriptions: ['a'], transactions: [{}] }])
    socket?.emit('batch', message)
  socket?.emit('progress', {})
  server.model.write('public.person', { ...joe, score: 13 })
  await until(() => expect(rows.getSnapshot().data).toEqual([{ ...joe, score: 13 }, ann]))
  expect(errors.map(({ code }) => code)).toEqual(Array(5).fill('invalid_message'))
  expect(made.store.getState().connection.status).toBe('live')
  expect(server.sockets).toHaveLength(1)
})

test('E-66 what a malformed message may have said is read afresh', async () => {
  const made = client()
  const rows = made.follow(people)
  rows.subscribe(() => undefined)
  await live(made)
  server.connection?.followed.clear() // the change reaches the client in a message that it cannot read
  server.model.delete('public.person', 1)
  server.sockets[0]?.emit('batch', { to: positionOf(2), subscriptions: [], transactions: 'garbled' })
  await until(() => expect(rows.getSnapshot().data).toEqual([ann]))
})

test('what has arrived is acknowledged from time to time', async () => {
  const made = client({ acknowledgeMs: 30 })
  made.follow(people).subscribe(() => undefined)
  await live(made)
  server.model.delete('public.person', 1)
  server.model.delete('public.person', 2)
  const acknowledged = (): unknown[] =>
    server.connection?.requests.filter(({ name }) => name === 'ack').map(({ request }) => request) ?? []
  await until(() => expect(acknowledged().at(-1)).toEqual({ position: positionOf(3) }))
  const { length } = acknowledged()
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(acknowledged()).toHaveLength(length)
})

test('a client that is closed has said how far it has come', async () => {
  const made = client()
  const rows = made.follow(people)
  rows.subscribe(() => undefined)
  await live(made)
  server.model.delete('public.person', 1)
  await until(() => expect(rows.getSnapshot().data).toEqual([ann]))
  const { connection } = server
  made.close()
  await until(() =>
    expect(connection?.requests.at(-1)).toEqual({ name: 'ack', request: { position: positionOf(2) } }),
  )
  await until(() => expect(server.model.connections.size).toBe(0))
})

test('a client that is closed stays closed, whatever is subscribed to, until it connects again', async () => {
  const made = client()
  const rows = made.follow(people)
  rows.subscribe(() => undefined)
  await live(made)
  made.close()
  expect(made.store.getState().connection).toEqual({ status: 'closed' })
  rows.subscribe(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(server.handshakes).toHaveLength(1)
  expect(rows.getSnapshot().data).toEqual([joe, ann])
  server.model.delete('public.person', 1)
  made.connect()
  await until(() => expect(rows.getSnapshot().data).toEqual([ann]))
})

test('a client that connects, closes and connects again at once connects once', async () => {
  const made = client()
  made.connect()
  made.close()
  made.connect()
  await live(made)
  expect(server.sockets).toHaveLength(1)
})

test('a client that is told to leave is back in a moment, and misses nothing', async () => {
  const made = client()
  const rows = made.follow(people)
  rows.subscribe(() => undefined)
  await live(made)
  const statuses = statusesOf(made)
  server.sockets[0]?.emit('leave', { withinMs: 100 })
  server.sockets[0]?.emit('leave', { withinMs: 100 })
  await until(() => expect(statuses).toEqual(['reconnecting', 'live']))
  expect(server.connection?.requests[0]).toMatchObject({ request: { subscriptions: [{ held: 'shape' }] } })
  server.model.delete('public.person', 1)
  await until(() => expect(rows.getSnapshot().data).toEqual([ann]))
  await new Promise((resolve) => setTimeout(resolve, 150))
  expect(server.sockets).toHaveLength(2)
})

test('clients that are told to leave do not all leave at once', async () => {
  const made = Array.from({ length: 12 }, () => client())
  for (const each of made) each.connect()
  await Promise.all(made.map(live))
  const left: number[] = []
  const start = performance.now()
  for (const socket of server.sockets) {
    socket.on('disconnect', () => left.push(performance.now() - start))
    socket.emit('leave', { withinMs: 1_000 })
  }
  await until(() => expect(left).toHaveLength(12))
  expect((left.at(-1) as number) - (left[0] as number)).toBeGreaterThan(300) // by chance not once in 100,000 times
})

test('a page that is out of date for a while says so, and one that is for a moment does not', async () => {
  const made = client()
  const rows = made.follow(people)
  rows.subscribe(() => undefined)
  await live(made)
  const statuses = statusesOf(made)
  server.connection?.startOver()
  server.model.delete('public.person', 1)
  server.connection?.serve()
  await until(() => expect(rows.getSnapshot().data).toEqual([ann]))
  server.connection?.startOver()
  server.model.delete('public.person', 2)
  await until(() => expect(statuses).toEqual(['catching_up']))
  expect(rows.getSnapshot().data).toEqual([ann])
  server.connection?.serve()
  await until(() => expect(statuses).toEqual(['catching_up', 'live']))
  expect(rows.getSnapshot().data).toEqual([])
})

/** A connection, and what it is for. */
function connected(parts: Partial<ConnectionParts>) {
  const states: ConnectionState[] = []
  const positions: (string | undefined)[] = []
  const sync = new Sync({
    replica: new Replica(),
    interests: () => subscriptions,
    publish: (_, position) => positions.push(position),
    onLive: () => connection.live(),
    onCatchUp: () => connection.catchUp(),
    onUnfit: (error) => connection.leave(error),
    report: () => undefined,
  })
  const subscriptions: Subscriptions = new Subscriptions(0, sync)
  const connection: Connection = new Connection({
    url: server.url,
    path: '/rowcast',
    auth: undefined,
    transports: ['websocket'],
    retryDelayMs: 10,
    maxRetryDelayMs: 20,
    session: pageSession(),
    sync,
    onState: (state) => states.push(state),
    report: (error) => errors.push(error),
    ...parts,
  })
  return { connection, subscriptions, states, positions }
}

test('a server that accepts connections but answers nothing is left, whatever was asked', async () => {
  const { connection, subscriptions, states } = connected({ answerTimeoutMs: 100 })
  server.isSilent = true
  connection.connect()
  await until(() => expect(server.sockets.length).toBeGreaterThan(2))
  server.isSilent = false
  await until(() => expect(states.at(-1)).toEqual({ status: 'live' }))

  server.isSilent = true
  const attempts = server.sockets.length
  subscriptions.listen(textOf(people), people, () => undefined)
  await until(() => expect(server.sockets.length).toBeGreaterThan(attempts))
  server.isSilent = false
  await until(() => expect(subscriptions.resultOf(textOf(people)).status).toBe('ready'))
  expect(new Set(errors.map(({ code, message }) => `${code}: ${message}`))).toEqual(
    new Set(['disconnected: the server does not answer']),
  )
  connection.close()
})

test('what comes within a frame is one commit, and no answer overtakes it', async () => {
  const frames = { isShown: true, request: () => () => undefined } // the next one never comes
  const { connection, subscriptions, positions } = connected({ frames })
  const follow = (subscription: Subscription) => {
    const text = textOf(subscription)
    subscriptions.listen(text, subscription, () => undefined)
    return () => subscriptions.resultOf(text)
  }
  const table = follow(people)
  connection.connect()
  // its answer comes after the first rows, and a change comes before it
  await until(() => expect(server.connection?.followed.size).toBe(1))
  follow({ kind: 'row', relation: 'person', key: [1] })
  await until(() => expect(table().status).toBe('ready'))
  positions.length = 0
  for (const score of [13, 14, 15]) server.model.write('public.person', { ...joe, score })
  follow({ kind: 'row', relation: 'person', key: [2] })
  await until(() => expect(table().data).toEqual([{ ...joe, score: 15 }, ann]))
  expect(new Set(positions)).toEqual(new Set([positionOf(4)]))
  connection.close()
})
