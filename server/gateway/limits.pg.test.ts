import { setTimeout as sleep } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { expect, test, vi } from 'vitest'
import { createClient } from '../../client/core/index.ts'
import { defaultPath, protocolVersion, type Subscribed } from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { startOnNewDatabase, type RowcastServer } from '../../test/rowcast-server.ts'
import { RawWebSocket } from '../../test/raw-websocket.ts'
import { TestSocket } from '../../test/socket.ts'
import type { Limits } from './limits.ts'

const table = `create table a (id int primary key, x int, name text);
  insert into a select n, n, 'row ' || n from generate_series(1, 10) as n; select event.track('a')`

const row = (id: number): Subscription => ({ kind: 'row', relation: 'a', key: [id] })
const above = (x: number) =>
  ({
    kind: 'table' as const,
    relation: 'a',
    where: { column: 'x', op: 'gt' as const, value: x },
  }) satisfies Subscription

function serving(limits: Partial<Limits>, sql = table) {
  return startOnNewDatabase(sql, { limits })
}

async function attached(server: RowcastServer, sub?: string): Promise<TestSocket> {
  const socket = new TestSocket(server.url, sub === undefined ? {} : { sub })
  const reply = await socket.attach()
  if (!reply.ok) throw new Error(reply.message)
  await socket.next('progress')
  return socket
}

function subscribing(socket: TestSocket, subscription: Subscription) {
  return socket.request<Subscribed>('subscribe', { subscription })
}

async function codesOf(replies: readonly Promise<{ ok: boolean; code?: string }>[]): Promise<string[]> {
  return (await Promise.all(replies)).map((reply) => (reply.ok ? 'ok' : (reply.code ?? '')))
}

/** What the server has counted under a name and a label. */
async function counted(server: RowcastServer, name: string, label: string): Promise<number> {
  const { values } = (await server.rowcast.metrics.getSingleMetric(name)?.get()) ?? { values: [] }
  return values.find(({ labels }) => Object.values(labels).includes(label))?.value ?? 0
}

async function untilGone(socket: TestSocket): Promise<void> {
  for (let i = 0; socket.socket.connected && i < 500; i++) await sleep(20)
  expect(socket.socket.connected).toBe(false)
}

test('a limit that is no limit is refused at the start, by name', async () => {
  await expect(serving({ rowsPerSubscription: 0 })).rejects.toThrow('limits.rowsPerSubscription is 0')
  await expect(serving({ rowsPerSubscription: NaN })).rejects.toThrow('limits.rowsPerSubscription')
  await expect(serving({ rows: 5 } as Partial<Limits>)).rejects.toThrow('there is no limits.rows')
})

test('a session follows as many as it may, and others as well if it leaves some', async () => {
  await using at = await serving({ subscriptionsPerSession: 3 })
  await using socket = await attached(at.server)
  const [first] = [
    await socket.subscribe(row(1)),
    await socket.subscribe(row(2)),
    await socket.subscribe(row(3)),
  ]
  expect(await subscribing(socket, row(3))).toMatchObject({ ok: true }) // it has that
  const refused = await subscribing(socket, row(4))
  expect(refused).toMatchObject({ ok: false, code: 'limit_exceeded' })
  expect(refused).toHaveProperty('message', expect.stringContaining('limits.subscriptionsPerSession'))
  await socket.request('unsubscribe', { id: first?.id })
  expect(await subscribing(socket, row(4))).toMatchObject({ ok: true })
  expect(await counted(at.server, 'rowcast_refused_messages_total', 'limit_exceeded')).toBe(1)
})

test('one that attaches with too many is given as many as it may follow', async () => {
  await using at = await serving({ subscriptionsPerSession: 3, scansPerSession: 1 })
  await using socket = new TestSocket(at.server.url)
  const asked = [above(1), above(2), row(1), row(1), row(2), row(3)]
  const reply = await socket.attach({ subscriptions: asked.map((subscription) => ({ subscription })) })
  if (!reply.ok) throw new Error(reply.message)
  expect(reply.value.subscriptions.filter(({ ok }) => ok)).toHaveLength(4)
  expect(reply.value.subscriptions.flatMap((each) => (each.ok ? [] : [each.code]))).toEqual([
    'limit_exceeded',
    'limit_exceeded',
  ])
})

test('what is limited for a user is limited over all his connections, and for nobody else', async () => {
  await using at = await serving({
    subscriptionsPerIdentity: 3,
    scansPerIdentity: 1,
    connectionsPerIdentity: 2,
  })
  await using first = await attached(at.server, 'ann')
  await using second = await attached(at.server, 'ann')
  await using other = await attached(at.server, 'bob')
  await first.subscribe(above(1))
  const scan = await subscribing(second, above(2))
  expect(scan).toMatchObject({ ok: false, code: 'limit_exceeded' })
  expect(scan).toHaveProperty('message', expect.stringContaining('limits.scansPerIdentity'))
  await second.subscribe(row(1))
  await first.subscribe(row(2))
  expect(await subscribing(second, row(3))).toMatchObject({ code: 'limit_exceeded' })
  for (const subscription of [above(1), row(1), row(2)]) await other.subscribe(subscription)

  await using third = new TestSocket(at.server.url, { sub: 'ann' })
  const error = await new Promise<Error & { data?: unknown }>((resolve) =>
    third.socket.on('connect_error', resolve),
  )
  expect(error.data).toMatchObject({ code: 'limit_exceeded' })
  expect(await counted(at.server, 'rowcast_refused_connections_total', 'limit_exceeded')).toBe(1)
  first.socket.disconnect()
  await expect.poll(() => at.server.rowcast.health().connections).toBe(2)
  await using fourth = await attached(at.server, 'ann')
  await fourth.subscribe(row(3))
})

test('a filter has as many conditions and values as it may', async () => {
  await using at = await serving({ conditionsPerFilter: 3, valuesPerFilter: 5 })
  await using socket = await attached(at.server)
  const where = (count: number) => ({
    or: [
      { not: above(1).where },
      { and: Array.from({ length: count }, (_, i) => ({ column: 'x', op: 'gt', value: i })) },
    ],
  })
  const codes = [
    where(2),
    where(3),
    { column: 'x', op: 'in', value: [1, 2, 3, 4, 5] },
    { column: 'x', op: 'in', value: [1, 2, 3, 4, 5, 6] },
  ]
  expect(
    await codesOf(
      codes.map((each) => socket.request('subscribe', { subscription: { ...above(1), where: each } })),
    ),
  ).toEqual(['ok', 'limit_exceeded', 'ok', 'limit_exceeded'])
})

test('a subscription that shows too much ends and says what to do, and the others go on', async () => {
  await using at = await serving(
    { rowsPerSubscription: 10, bytesPerSubscription: 2_000 },
    `${table}; create table b (id int primary key, x text); insert into b select n, repeat('x', 1000) from generate_series(1, 5) as n;
     select event.track('b')`,
  )
  await using socket = await attached(at.server)
  await using bystander = await attached(at.server)
  await bystander.subscribe(row(1))
  const { id } = await socket.subscribe({ kind: 'table', relation: 'a' })
  await socket.next('snapshot', (m) => m.subscription === id && m.done)
  const { id: large } = await socket.subscribe({ kind: 'table', relation: 'b' })
  const ended = await socket.next('ended')
  expect(ended).toMatchObject({ subscription: large, code: 'limit_exceeded' })
  expect(ended.message).toContain('limits.bytesPerSubscription')
  await at.admin.query(`insert into a values (11, 11)`)
  await socket.until((changes) => changes.some(({ key }) => key === '[11]')) // what is shown may grow
  await using late = await attached(at.server)
  await late.subscribe({ kind: 'table', relation: 'a' })
  expect((await late.next('ended')).message).toContain('limits.rowsPerSubscription')
  const { id: negative } = await late.subscribe(above(-1))
  await late.next('ended', (m) => m.subscription === negative && m.code === 'limit_exceeded')
  const filtered = await late.subscribe({ ...above(1), limit: 5 })
  await late.next('snapshot', (m) => m.subscription === filtered.id && m.rows.length === 5)
  await at.admin.query(`update a set name = 'new' where id = 1`)
  await bystander.until((changes) => changes.length === 1)
  expect(await counted(at.server, 'rowcast_ended_subscriptions_total', 'limit_exceeded')).toBe(3)
})

test('rows of which account is kept are as many as they may be, for a session and for a user', async () => {
  await using at = await serving({ keptRowsPerSession: 12, keptRowsPerIdentity: 20 })
  await using first = await attached(at.server, 'ann')
  await using second = await attached(at.server, 'ann')
  const shown = async (socket: TestSocket, x: number) => {
    const { id } = await socket.subscribe(above(x))
    const isOf = ({ subscription }: { subscription: string }) => subscription === id
    return Promise.race([
      socket.next('snapshot', isOf).then(() => 'shown'),
      socket.next('ended', isOf).then(({ message }) => /limits\.\w+/.exec(message)?.[0]),
    ])
  }
  expect(await shown(first, 1)).toBe('shown') // 9 rows
  expect(await shown(first, 2)).toBe('limits.keptRowsPerSession')
  expect(await shown(first, 7)).toBe('shown')
  expect(await shown(second, 1)).toBe('limits.keptRowsPerIdentity') // though somebody follows it already
  expect(await shown(second, 3)).toBe('shown')
  await using other = await attached(at.server, 'bob')
  expect(await shown(other, 1)).toBe('shown')
})

test('a subscription that PostgreSQL takes too long for ends, and the others go on', async () => {
  await using at = await serving(
    { queryMs: 300 },
    `${table}; create function is_slow(id int) returns boolean language plpgsql as $$ begin perform pg_sleep(10); return true; end $$;
     create table b (id int primary key, x int); insert into b values (1, 1); alter table b enable row level security;
     create policy slow on b using (is_slow(id)); select event.track('b')`,
  )
  const role = await at.database.createRole('nologin')
  await at.admin.query(`grant select on a, b to ${role}; grant ${role} to current_user`)
  await using bystander = await attached(at.server)
  await bystander.subscribe({ kind: 'table', relation: 'a' })
  await using socket = new TestSocket(at.server.url, { role })
  await socket.attach()
  const { id } = await socket.subscribe({ kind: 'table', relation: 'b' })
  const ended = await socket.next('ended', (m) => m.subscription === id)
  expect(ended).toMatchObject({ code: 'limit_exceeded', message: expect.stringContaining('limits.queryMs') })
  await at.admin.query(`insert into a values (11, 11)`)
  await bystander.until((changes) => changes.length === 1)
})

/** A table of which it takes PostgreSQL so long to say what somebody sees. */
const slowTable = (ms: number) => `
  create function is_slow(id int) returns boolean language plpgsql as $$ begin perform pg_sleep(${ms / 1_000}); return true; end $$;
  create table b (id int primary key, x int); insert into b values (1, 1); alter table b enable row level security;
  create policy slow on b using (is_slow(id)); select event.track('b')`
const lists = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    subscription: {
      kind: 'table' as const,
      relation: 'b',
      where: { column: 'x', op: 'lt' as const, value: i + 2 },
    },
  }))
const countOf = (socket: TestSocket, event: string) =>
  socket.messages.filter((m) => m.event === event && (!('done' in m.message) || m.message.done)).length

test('what a page begins with that takes long it is given by and by, all of it, and the stream goes on meanwhile', async () => {
  await using at = await serving({}, slowTable(150))
  await using socket = new TestSocket(at.server.url)
  await socket.attach({ subscriptions: lists(6) })
  await socket.next('progress')
  expect(countOf(socket, 'snapshot')).toBeLessThan(6)
  await vi.waitFor(() => expect(countOf(socket, 'snapshot')).toBe(6), 40_000)
  expect(countOf(socket, 'ended')).toBe(0)
})

test('what a page shows that comes back is read for so long, and what is left is too much', async () => {
  await using at = await serving({ queryMs: 1_500 }, slowTable(200))
  const comeBack = async (count: number) => {
    const socket = new TestSocket(at.server.url)
    await socket.attach({ subscriptions: lists(count).map((each) => ({ ...each, held: 'before' })) })
    await socket.next('progress')
    return socket
  }
  await using few = await comeBack(2)
  expect([countOf(few, 'snapshot'), countOf(few, 'ended')]).toEqual([2, 0])
  await few[Symbol.asyncDispose]()
  await using many = await comeBack(12)
  expect(await many.next('ended')).toMatchObject({
    code: 'limit_exceeded',
    message: expect.stringContaining('limits.queryMs'),
  })
  expect(countOf(many, 'snapshot')).toBeGreaterThan(0)
  expect(countOf(many, 'snapshot') + countOf(many, 'ended')).toBe(12)
})

test('nobody is refused what he shows because many come back with what takes long for all of them together', async () => {
  await using at = await serving({ queryMs: 700 }, slowTable(200))
  const sockets = Array.from({ length: 6 }, (_, i) => new TestSocket(at.server.url, { sub: `person ${i}` }))
  await Promise.all(
    sockets.map((socket) =>
      socket.attach({ subscriptions: lists(1).map((each) => ({ ...each, held: 'before' })) }),
    ),
  )
  for (const socket of sockets) await socket.next('progress')
  expect(sockets.map((socket) => countOf(socket, 'snapshot'))).toEqual(sockets.map(() => 1))
  for (const socket of sockets) socket.socket.disconnect()
})

test('who asks too fast is told so, loses nothing that he had, and may ask again later', async () => {
  await using at = await serving({ messagesPerSecond: 20, messagesAtOnce: 12 })
  await using socket = await attached(at.server)
  const { id } = await socket.subscribe(row(1))
  const codes = await codesOf(Array.from({ length: 30 }, () => subscribing(socket, row(2))))
  expect(new Set(codes)).toEqual(new Set(['ok', 'too_fast']))
  expect(codes.filter((code) => code === 'ok').length).toBeGreaterThanOrEqual(10)
  expect(await socket.request('unsubscribe', { id: 'nothing' })).toMatchObject({
    code: 'subscription_not_found',
  })
  await at.admin.query(`update a set x = 5 where id = 1`)
  await socket.until((changes) => changes.length === 1)
  await sleep(200)
  expect(await subscribing(socket, row(3))).toMatchObject({ ok: true })
  expect(await socket.request('unsubscribe', { id })).toMatchObject({ ok: true })
  expect(await counted(at.server, 'rowcast_refused_messages_total', 'too_fast')).toBeGreaterThan(0)
})

test('a message that names many subscriptions counts as many, over all connections of a user', async () => {
  await using at = await serving({ messagesPerSecondPerIdentity: 1, messagesAtOncePerIdentity: 12 })
  const subscriptions = Array.from({ length: 9 }, (_, i) => ({ subscription: row(i) }))
  await using first = new TestSocket(at.server.url, { sub: 'ann' })
  expect(await first.attach({ subscriptions })).toMatchObject({ ok: true })
  first.socket.disconnect()
  await using second = new TestSocket(at.server.url, { sub: 'ann' })
  expect(await second.attach({ subscriptions })).toMatchObject({ code: 'too_fast' })
  await using other = new TestSocket(at.server.url, { sub: 'bob' })
  expect(await other.attach({ subscriptions })).toMatchObject({ ok: true })
})

test('requests that await their answer are so many at the most', async () => {
  await using at = await serving({ pendingRequests: 5 })
  await using socket = await attached(at.server)
  const codes = await codesOf(Array.from({ length: 50 }, (_, i) => subscribing(socket, row(i))))
  expect(codes.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'ok'))
  expect(codes).toContain('too_fast')
})

test('what makes no sense is answered, counted, and in the end the last straw', async () => {
  await using at = await serving({ invalidMessages: 4 })
  await using socket = await attached(at.server)
  const senseless: [string, unknown][] = [
    ['subscribe', undefined],
    ['attach', []],
    ['no_such_message', {}],
  ]
  for (let round = 0; round < 2; round++) {
    for (const [event, message] of senseless)
      expect(await socket.request(event, message)).toMatchObject({ ok: false, code: 'invalid_message' })
    await socket.subscribe(row(1)) // a sensible one clears it of suspicion
  }
  for (let i = 0; i < 4; i++) socket.socket.emit('toString', {}, {})
  await untilGone(socket)
  expect(await counted(at.server, 'rowcast_refused_messages_total', 'invalid_message')).toBe(10)
  expect(await counted(at.server, 'rowcast_ended_connections_total', 'invalid_messages')).toBe(1)
})

test('who sends binary messages, a flood or too much at once is cut off', async () => {
  await using at = await serving({
    messagesPerSecond: 10,
    messagesAtOnce: 20,
    bytesPerSecond: 2_000,
    messageBytes: 15_000,
  })
  await using bystander = await attached(at.server)
  const { id } = await bystander.subscribe(row(1))
  await bystander.next('snapshot', (m) => m.subscription === id)
  const offences: [string, (socket: TestSocket) => void][] = [
    ['invalid_packet', ({ socket }) => socket.emit('subscribe', { subscription: Buffer.from('x') })],
    ['too_fast', ({ socket }) => void Array.from({ length: 200 }, () => socket.emit('ack', {}))],
    [
      'too_many_bytes',
      ({ socket }) => void Array.from({ length: 5 }, () => socket.emit('ack', 'x'.repeat(5_000))),
    ],
    ['message_too_large', ({ socket }) => socket.emit('ack', 'x'.repeat(20_000))],
  ]
  for (const [reason, offend] of offences) {
    await using socket = await attached(at.server)
    offend(socket)
    await untilGone(socket)
    expect(await counted(at.server, 'rowcast_ended_connections_total', reason), reason).toBe(1)
  }
  await at.admin.query(`update a set x = 5 where id = 1`)
  await bystander.until((changes) => changes.length === 1)
})

test('what a user sends is limited over all his connections, and for nobody else', async () => {
  await using at = await serving({ bytesPerSecondPerIdentity: 2_000 })
  const send = async (socket: TestSocket, times: number) => {
    for (let i = 0; i < times; i++) socket.socket.emit('ack', 'x'.repeat(5_000))
    return socket.request('ack', {}).catch(() => undefined)
  }
  await using first = await attached(at.server, 'ann')
  await using second = await attached(at.server, 'ann')
  await using other = await attached(at.server, 'bob')
  await using nobody = await attached(at.server)
  await using another = await attached(at.server)
  for (const socket of [first, other, nobody, another])
    expect(await send(socket, 3)).toMatchObject({ code: 'invalid_message' })
  void send(second, 10)
  await untilGone(second)
  expect(await counted(at.server, 'rowcast_ended_connections_total', 'too_many_bytes')).toBe(1)
  for (const { socket } of [first, other, nobody, another]) expect(socket.connected).toBe(true)
})

test('text that is no packet ends the connection, and is counted', async () => {
  await using at = await serving({})
  const senseless = ['', 'hello', '9', '2{}', '2["connect"]', '2[', '3{"a":1}', '\0']
  for (const [i, text] of senseless.entries()) {
    await using socket = await attached(at.server)
    socket.socket.io.engine.write(text)
    await untilGone(socket)
    expect(await counted(at.server, 'rowcast_ended_connections_total', 'invalid_packet'), text).toBe(i + 1)
  }
  using stranger = await RawWebSocket.open(at.server.port, `${defaultPath}/`) // and before he has said who he is
  stranger.sendFrame('4hello')
  await expect
    .poll(() => counted(at.server, 'rowcast_ended_connections_total', 'invalid_packet'))
    .toBe(senseless.length + 1)
})

test('who is refused and asks again and again is cut off, however he asks', async () => {
  let asked = 0
  const authenticate = () => {
    asked += 1
    throw new Error('nobody is let in')
  }
  await using at = await startOnNewDatabase(table, { authenticate })
  for (const text of ['0', ' ', '\n']) {
    asked = 0
    using socket = await RawWebSocket.open(at.server.port, `${defaultPath}/`)
    for (let i = 0; i < 100; i++) socket.sendFrame(`4${text}`)
    await expect.poll(() => socket.isOpen).toBe(false)
    expect(asked, JSON.stringify(text)).toBeLessThan(50)
  }
  expect(await counted(at.server, 'rowcast_ended_connections_total', 'too_fast')).toBe(3)
})

test('who connects and does not attach is not kept', async () => {
  await using at = await serving({ attachWithinMs: 300 })
  await using idle = new TestSocket(at.server.url)
  await using stays = await attached(at.server)
  await new Promise((resolve) => idle.socket.on('disconnect', resolve))
  expect(await counted(at.server, 'rowcast_ended_connections_total', 'not_attached')).toBe(1)
  await sleep(300)
  expect(stays.socket.connected).toBe(true)
})

test('a limit of time that is longer than timers and PostgreSQL know is as long as they know', async () => {
  await using at = await serving({ attachWithinMs: 2 ** 31, queryMs: 2 ** 31 })
  await using socket = new TestSocket(at.server.url)
  for (let i = 0; i < 20; i++) expect(await socket.request('ack', {})).toMatchObject({ ok: false })
  expect(await socket.attach()).toMatchObject({ ok: true })
  for (const subscription of [row(1), above(1)]) {
    const { id } = await socket.subscribe(subscription)
    await socket.next('snapshot', (m) => m.subscription === id && m.done)
  }
})

test('who asks to attach when his time is over, and is refused, is not kept either', async () => {
  await using at = await serving({ attachWithinMs: 500 })
  const other = await at.database.connect()
  await other.query('begin; lock event.session')
  await using socket = new TestSocket(at.server.url)
  const asked = socket.attach({ session: { id: '00000000-0000-4000-8000-000000000000', token: 'x' } })
  await new Promise<void>((resolve) => socket.socket.on('connect', resolve))
  await sleep(800)
  expect(socket.socket.connected).toBe(true)
  await other.query('rollback')
  expect(await asked).toMatchObject({ ok: false, code: 'session_not_found' })
  await untilGone(socket)
  expect(await counted(at.server, 'rowcast_ended_connections_total', 'not_attached')).toBe(1)
})

/** A page that mounts so many at the same moment, before it has connected or after. */
async function mounting(server: RowcastServer, count: number, isConnected: boolean): Promise<string[]> {
  const errors: string[] = []
  const client = createClient({
    url: server.url,
    session: 'page',
    onError: ({ code, message }) => errors.push(`${code}: ${message}`),
  })
  try {
    if (isConnected) {
      client.connect()
      await expect.poll(() => client.store.getState().connection.status).toBe('live')
    }
    const mounted = Array.from({ length: count }, (_, i) => client.row('a', i + 1))
    for (const followed of mounted) followed.subscribe(() => undefined)
    const stateOf = (status: string) =>
      mounted.filter((followed) => followed.getSnapshot().status === status).length
    await expect.poll(() => stateOf('loading'), { timeout: 50_000 }).toBe(0)
    expect(stateOf('ready')).toBe(count)
    return errors
  } finally {
    client.close()
  }
}

test.for([false, true])(
  'a page that mounts a thousand things at once does not come near the limits; connected before: %s',
  async (isConnected) => {
    await using at = await serving({})
    expect(await mounting(at.server, 1_000, isConnected)).toEqual([])
  },
)

test('a page that asks faster than it may is given everything all the same, later', async () => {
  await using at = await serving({ messagesPerSecond: 100, messagesAtOnce: 50, pendingRequests: 40 })
  expect(await mounting(at.server, 200, true)).toEqual([])
  expect(await counted(at.server, 'rowcast_refused_messages_total', 'too_fast')).toBeGreaterThan(0)
})

test('who cannot have a WebSocket polls, under the same limits', async () => {
  await using at = await serving({ messageBytes: 15_000, messagesPerSecond: 10, messagesAtOnce: 20 })
  const polling = () => {
    const socket = io(at.server.url, { path: defaultPath, transports: ['polling'], reconnection: false })
    const ended = new Promise((resolve) => socket.on('disconnect', resolve))
    return { socket, ended }
  }
  const { socket } = polling()
  const attach = { protocol: protocolVersion, subscriptions: [{ subscription: row(1) }] }
  expect(await socket.timeout(10_000).emitWithAck('attach', attach)).toMatchObject({ ok: true })
  const flood = polling()
  for (let i = 0; i < 300; i++) flood.socket.emit('ack', {})
  await flood.ended
  const binary = polling()
  binary.socket.emit('subscribe', { subscription: Buffer.from('x') })
  await binary.ended
  expect(await counted(at.server, 'rowcast_ended_connections_total', 'too_fast')).toBe(1)
  expect(await counted(at.server, 'rowcast_ended_connections_total', 'invalid_packet')).toBe(1)
  expect(socket.connected).toBe(true)
  socket.disconnect()
})

test('a message that is too large ends the connection of who polls', async () => {
  await using at = await serving({ messageBytes: 15_000 })
  const polled = (query = '', body?: string) =>
    fetch(`${at.server.url}${defaultPath}/?EIO=4&transport=polling${query}`, {
      ...(body !== undefined && { method: 'POST', body }),
    })
  const { sid } = JSON.parse((await (await polled()).text()).slice(1)) as { sid: string }
  expect((await polled(`&sid=${sid}`, '40')).status).toBe(200)
  await polled(`&sid=${sid}`, `42["ack","${'x'.repeat(20_000)}"]`).catch(() => undefined)
  await expect.poll(() => counted(at.server, 'rowcast_ended_connections_total', 'message_too_large')).toBe(1)
  const answer = await polled(`&sid=${sid}`)
  expect(await answer.json()).toMatchObject({ message: 'Session ID unknown' })
})
