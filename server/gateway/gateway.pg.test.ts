import type pg from 'pg'
import { io } from 'socket.io-client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { defaultPath } from '../../shared/protocol.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { startRowcast, untilRightsAreOld, type RowcastServer } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'

let database: TestDatabase
let server: RowcastServer
let sql: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  sql = await database.connect()
  await sql.query(`
    create table person (id int primary key, name text, score int, team text);
    create table seat (hall int, place text, taken boolean not null default false, primary key (hall, place));
    create table untracked (id int primary key);
    create view adults as select * from person;
    select event.track('person'), event.track('seat')`)
  server = await startRowcast(database)
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

async function attached(auth: Record<string, unknown> = {}): Promise<TestSocket> {
  const socket = new TestSocket(server.url, auth)
  const reply = await socket.attach()
  if (!reply.ok) throw new Error(reply.message)
  await socket.next('progress')
  return socket
}

test('E-63 a snapshot and what follows it leave no gap and nothing double', async () => {
  await sql.query(
    `truncate person; insert into person select i, 'p' || i, 0, 'a' from generate_series(1, 10) as i`,
  )
  const writer = await database.connect()
  let isWriting = true
  const writing = (async () => {
    while (isWriting) await writer.query('update person set score = score + 1 where id = 1')
  })()
  for (let round = 0; round < 10; round++) {
    await using socket = await attached()
    const { id } = await socket.subscribe({ kind: 'table', relation: 'person' })
    const snapshot = await socket.next('snapshot', (m) => m.subscription === id && m.done)
    await socket.until((changes) => changes.length >= 5)
    const start = snapshot.rows.find(([key]) => key === '[1]')?.[1]['score'] as number
    const scores = socket.changes.map((change) =>
      change.op === 'field_update' ? change.fields['score'] : null,
    )
    expect(scores).toEqual(scores.map((_, i) => start + 1 + i))
  }
  isWriting = false
  await writing
})

test('E-33 E-34 E-37 E-38 what cannot be followed is refused with a code that says why', async () => {
  await using socket = await attached()
  const refusals: [object, string][] = [
    [{ kind: 'table', relation: 'nothing' }, 'relation_not_found'],
    [{ kind: 'table', relation: 'a.b.c.d' }, 'relation_not_found'],
    [{ kind: 'column', relation: 'person', column: 'nocolumn' }, 'column_not_found'],
    [{ kind: 'field', relation: 'person', key: [1], column: 'nocolumn' }, 'column_not_found'],
    [{ kind: 'table', relation: 'adults' }, 'not_subscribable'],
    [{ kind: 'table', relation: 'event.change' }, 'not_subscribable'],
    [{ kind: 'table', relation: 'untracked' }, 'not_tracked'],
    [{ kind: 'row', relation: 'person', key: [1, 2] }, 'invalid_key'],
    [{ kind: 'row', relation: 'person', key: ['x'] }, 'invalid_key'],
    [
      { kind: 'table', relation: 'person', where: { column: 'nope', op: 'eq', value: 1 } },
      'column_not_found',
    ],
    [{ kind: 'table', relation: 'person', where: { column: 'id', op: 'eq', value: 'x' } }, 'invalid_filter'],
    [{ kind: 'table', relation: 'person', where: { column: 'id', op: 'near', value: 1 } }, 'invalid_message'],
    [{ kind: 'table', relation: 'person', limit: -1 }, 'invalid_message'],
    [{ kind: 'everything' }, 'invalid_message'],
  ]
  for (const [subscription, code] of refusals) {
    const reply = await socket.request('subscribe', { subscription })
    expect(reply, JSON.stringify(subscription)).toMatchObject({ ok: false, code })
  }
})

test('E-35 a row that does not exist is accepted, shown as absent, and may appear', async () => {
  await sql.query('truncate person')
  await using socket = await attached()
  const { id } = await socket.subscribe({ kind: 'row', relation: 'person', key: [99999] })
  expect((await socket.next('snapshot', (m) => m.subscription === id)).rows).toEqual([])
  await sql.query(`insert into person values (99999, 'late', 0, 'a')`)
  await socket.until((changes) =>
    changes.some((change) => change.op === 'row_insert' && change.key === '[99999]'),
  )
})

test('E-32 overlapping subscriptions of one session deliver one change once', async () => {
  await sql.query(`truncate person; insert into person values (1, 'a', 0, 'x')`)
  await using socket = await attached()
  await socket.subscribe({ kind: 'table', relation: 'person' })
  await socket.subscribe({ kind: 'row', relation: 'person', key: [1] })
  await socket.subscribe({ kind: 'field', relation: 'person', key: [1], column: 'score' })
  await socket.subscribe({
    kind: 'table',
    relation: 'person',
    where: { column: 'team', op: 'eq', value: 'x' },
  })
  await socket.next('snapshot', (m) => m.subscription.startsWith('query:'))
  await sql.query('update person set score = 5 where id = 1')
  await socket.until((changes) => changes.length > 0)
  await sql.query('update person set score = 6 where id = 1')
  await socket.until((changes) => changes.some((c) => c.op === 'field_update' && c.fields['score'] === 6))
  expect(socket.changes).toMatchObject([
    { op: 'field_update', fields: { score: 5 }, for: [0, 1, 2, 3] },
    { op: 'field_update', fields: { score: 6 }, for: [0, 1, 2, 3] },
  ])
})

test('E-24 E-25 E-26 E-31 rows, fields and columns get what concerns them and nothing else', async () => {
  await sql.query(
    `truncate person, seat; insert into person values (1, 'a', 0, 'x'), (2, 'b', 0, 'x'); insert into seat values (1, 'A.1'), (1, 'A.2')`,
  )
  await using byRow = await attached()
  await using byField = await attached()
  await using byColumn = await attached()
  await byRow.subscribe({ kind: 'row', relation: 'seat', key: [1, 'A.1'] })
  await byField.subscribe({ kind: 'field', relation: 'person', key: [1], column: 'score' })
  await byColumn.subscribe({ kind: 'column', relation: 'person', column: 'name' })
  for (const socket of [byRow, byField, byColumn]) await socket.next('snapshot')

  await sql.query(`
    update seat set taken = true where place = 'A.2'; update seat set taken = true where place = 'A.1';
    update person set name = 'z', team = 'y' where id = 1; update person set score = 9;
    insert into person values (3, 'c', 7, 'x'); delete from person where id = 1; delete from seat`)
  await byRow.until((changes) => changes.some((c) => c.op === 'row_delete'))
  await byField.until((changes) => changes.some((c) => c.op === 'row_delete'))
  await byColumn.until((changes) => changes.some((c) => c.op === 'row_delete'))
  expect(byRow.changes).toMatchObject([
    { op: 'field_update', key: '[1,"A.1"]', fields: { taken: true } },
    { op: 'row_delete', key: '[1,"A.1"]' },
  ])
  expect(byField.changes).toMatchObject([
    { op: 'field_update', key: '[1]', fields: { score: 9 } },
    { op: 'row_delete', key: '[1]' },
  ])
  expect(byColumn.changes).toEqual([
    { op: 'field_update', relation: 'public.person', key: '[1]', fields: { name: 'z' }, for: [0] },
    { op: 'row_insert', relation: 'public.person', key: '[3]', row: { name: 'c' }, for: [0] },
    { op: 'row_delete', relation: 'public.person', key: '[1]', for: [0] },
  ])
})

test('E-61 rows enter and leave a filtered, ordered, limited set; it keeps its order and refills', async () => {
  await sql.query(
    `truncate person; insert into person select i, 'p' || i, i, 'a' from generate_series(1, 5) as i`,
  )
  await using socket = await attached()
  const { id } = await socket.subscribe({
    kind: 'table',
    relation: 'person',
    where: { column: 'team', op: 'eq', value: 'a' },
    orderBy: [{ column: 'score', direction: 'desc' }],
    limit: 3,
  })
  const snapshot = await socket.next('snapshot', (m) => m.subscription === id)
  expect(snapshot.rows.map(([key]) => key)).toEqual(['[5]', '[4]', '[3]'])

  await sql.query('delete from person where id = 4')
  const refilled = await socket.next('batch')
  expect(refilled.transactions[0]?.changes).toMatchObject([
    { op: 'row_delete', key: '[4]' },
    { op: 'row_insert', key: '[2]', row: { name: 'p2' } },
  ])
  expect(refilled.orders).toEqual([{ for: 0, moves: [['[2]', '[3]']] }])

  await sql.query('update person set score = 10 where id = 3')
  const moved = await socket.next('batch', (m) => m.to !== refilled.to)
  expect(moved.transactions[0]?.changes).toMatchObject([
    { op: 'field_update', key: '[3]', fields: { score: 10 } },
  ])
  expect(moved.orders).toEqual([{ for: 0, moves: [['[3]', null]] }])

  const seen = socket.messages.length
  await sql.query(`update person set team = 'b' where id = 5`)
  const left = await socket.next('batch', () => true, seen)
  expect(left.transactions[0]?.changes).toMatchObject([
    { op: 'row_delete', key: '[5]' },
    { op: 'row_insert', key: '[1]' },
  ])
})

test('E-13 E-22 two connections of one session each get each live event once, and neither replays to the other', async () => {
  await sql.query('truncate person, seat')
  await using first = new TestSocket(server.url)
  const subscriptions = [{ subscription: { kind: 'table' as const, relation: 'person' } }]
  const reply = await first.attach({ subscriptions })
  if (!reply.ok) throw new Error(reply.message)
  await first.next('progress')
  await sql.query(`insert into person values (1, 'before', 0, 'x')`)
  await first.until((changes) => changes.length === 1)
  await using second = new TestSocket(server.url)
  await second.attach({ session: reply.value.session, subscriptions })
  await second.next('progress')
  await sql.query(`insert into person values (2, 'after', 0, 'x')`)
  for (const socket of [first, second]) await socket.until((changes) => changes.some((c) => c.key === '[2]'))
  expect(first.changes.map((c) => c.key)).toEqual(['[1]', '[2]'])
  expect(second.changes.map((c) => c.key)).toEqual(['[2]'])
  first.socket.disconnect()
  await sql.query(`insert into person values (3, 'alone', 0, 'x')`)
  await second.until((changes) => changes.some((c) => c.key === '[3]'))
})

test('E-12 E-28 what a session follows is durable, and following the same twice is one subscription', async () => {
  await using socket = await attached()
  const first = await socket.subscribe({ kind: 'row', relation: 'seat', key: [1, 'A'] })
  const again = await socket.subscribe({ kind: 'row', relation: 'public.seat', key: ['1', 'A'] })
  expect(again).toEqual(first)
  const { rows } = await sql.query('select kind, key from event.subscription where id = $1', [first.id])
  expect(rows).toEqual([{ kind: 'row', key: '[1,"A"]' }])
})

test('E-30 after unsubscribing nothing is delivered; an unknown subscription is an error', async () => {
  await sql.query(`truncate person`)
  await using socket = await attached()
  const { id } = await socket.subscribe({ kind: 'table', relation: 'person' })
  const { id: other } = await socket.subscribe({ kind: 'table', relation: 'seat' })
  await socket.next('snapshot', (m) => m.subscription === other)
  expect(await socket.request('unsubscribe', { id })).toMatchObject({ ok: true })
  await sql.query(
    `insert into person values (1, 'a', 0, 'x'); truncate seat; insert into seat values (7, 'end')`,
  )
  await socket.until((changes) => changes.some((c) => c.relation === 'public.seat'))
  expect(socket.changes.some((c) => c.relation === 'public.person')).toBe(false)
  expect(await socket.request('unsubscribe', { id })).toMatchObject({
    ok: false,
    code: 'subscription_not_found',
  })
})

test('N14 E-39 what a role may not select is not there for it: the relation, or a column', async () => {
  const role = `reader_${process.pid}_${Date.now()}`
  await sql.query(`create role ${role}; grant ${role} to ${new URL(database.serverUrl).username}`)
  try {
    await using socket = await attached({ role })
    const ask = (subscription: object) => socket.request('subscribe', { subscription })
    expect(await ask({ kind: 'table', relation: 'person' })).toMatchObject({
      ok: false,
      code: 'relation_not_found',
    })
    await sql.query(`grant select (name) on person to ${role}`)
    for (const subscription of [{ kind: 'table' }, { kind: 'column', column: 'name' }])
      expect(await ask({ relation: 'person', ...subscription })).toMatchObject({
        ok: false,
        code: 'permission_denied', // the key is not to be seen
      })
    await sql.query(`grant select (id) on person to ${role}`)
    expect(await ask({ kind: 'column', relation: 'person', column: 'score' })).toMatchObject({
      ok: false,
      code: 'column_not_found',
    })
    expect(await ask({ kind: 'column', relation: 'person', column: 'name' })).toMatchObject({ ok: true })
    await socket.next('snapshot')
    await sql.query(`revoke select (id, name) on person from ${role}`)
    expect(await socket.next('ended')).toMatchObject({ code: 'permission_denied' })
  } finally {
    await sql.query(`drop owned by ${role}; drop role ${role}`)
  }
})

test('N15 E-16 nobody attaches to a session that is not theirs, or that does not exist', async () => {
  await using mine = new TestSocket(server.url, { sub: 'me' })
  const reply = await mine.attach()
  if (!reply.ok) throw new Error(reply.message)
  const { session } = reply.value
  const refused = { ok: false, code: 'session_not_found' }
  const attempt = async (auth: Record<string, unknown>, key: { id: string; token: string }) => {
    await using socket = new TestSocket(server.url, auth)
    return await socket.attach({ session: key })
  }
  expect(await attempt({ sub: 'me' }, { ...session, token: 'x' })).toMatchObject(refused)
  expect(await attempt({ sub: 'other' }, session)).toMatchObject(refused)
  expect(
    await attempt({ sub: 'me' }, { ...session, id: '00000000-0000-4000-8000-000000000000' }),
  ).toMatchObject(refused)
  expect(await attempt({ sub: 'me' }, session)).toMatchObject({ ok: true, value: { resumed: true } })
})

test('E-65 a client that comes back is sent exactly what it missed', async () => {
  await sql.query(`delete from person; insert into person values (1, 'a', 0, 'x')`)
  await untilRightsAreOld(database.url) // to truncate a table, as others have, is like a grant
  const first = new TestSocket(server.url)
  const reply = await first.attach()
  if (!reply.ok) throw new Error(reply.message)
  const { session } = reply.value
  const { id } = await first.subscribe({ kind: 'table', relation: 'person' })
  const { to, shape } = await first.next('snapshot', (m) => m.subscription === id)
  first.socket.disconnect()
  await sql.query(
    `update person set score = 1; insert into person values (2, 'b', 0, 'x'); update person set score = 2`,
  )
  await using second = new TestSocket(server.url)
  const subscriptions = [{ subscription: { kind: 'table' as const, relation: 'person' }, held: shape }]
  expect(await second.attach({ session, position: to, subscriptions })).toMatchObject({ ok: true })
  await second.next('progress')
  expect(second.messages.map((m) => m.event)).toEqual(['batch', 'progress'])
  expect(second.changes).toMatchObject([
    { op: 'field_update', key: '[1]', fields: { score: 1 } },
    { op: 'row_insert', key: '[2]' },
    { op: 'field_update', key: '[1]', fields: { score: 2 } },
    { op: 'field_update', key: '[2]', fields: { score: 2 } },
  ])
})

test('a table whose key has been renamed while nobody followed it is followed by its new name', async () => {
  await sql.query(`create table coin (id int primary key, side text); select event.track('coin');
    insert into coin values (1, 'head'); alter table coin rename id to number`)
  await using socket = await attached()
  const { id } = await socket.subscribe({ kind: 'table', relation: 'coin' })
  const { rows } = await socket.next('snapshot', (m) => m.subscription === id && m.done)
  expect(rows).toEqual([['[1]', { number: 1, side: 'head' }]])
  await sql.query(`update coin set side = 'tail'`)
  await socket.until((changes) => changes.length === 1)
  expect(socket.changes).toMatchObject([{ op: 'field_update', key: '[1]', fields: { side: 'tail' } }])
})

test('a position of another epoch is answered by a reset and fresh snapshots', async () => {
  await using socket = new TestSocket(server.url)
  const subscriptions = [{ subscription: { kind: 'table' as const, relation: 'person' }, held: 'shape' }]
  await socket.attach({ position: 'elsewhere/10:20:', subscriptions })
  await socket.next('progress')
  expect(socket.messages.map((m) => m.event)).toEqual(['reset', 'snapshot', 'progress'])
  expect(await new TestSocket(server.url).attach({ position: 'x/20:10:', subscriptions })).toMatchObject({
    ok: false,
    code: 'invalid_position',
  })
})

test('N16 when the reader loses its connection it reconnects and catches up', async () => {
  await sql.query(`truncate person`)
  await using socket = await attached()
  const { id } = await socket.subscribe({ kind: 'table', relation: 'person' })
  await socket.next('snapshot', (m) => m.subscription === id)
  await sql.query(`insert into person values (0, 'x', 0, 'x')`)
  await socket.until((changes) => changes.length === 1) // it is live, and no connection is in use for it
  for (let i = 1; i <= 5; i++) {
    await sql.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'rowcast' and datname = current_database() and pid <> pg_backend_pid()`)
    await sql.query(`insert into person values ($1, 'x', 0, 'x')`, [i])
  }
  await socket.until((changes) => changes.length >= 6)
  expect(socket.changes.map((c) => c.key)).toEqual(['[0]', '[1]', '[2]', '[3]', '[4]', '[5]'])
})

test('N17 subscribing does no DDL: a writer with an open transaction is not in its way, nor it in theirs', async () => {
  const writer = await database.connect()
  await writer.query(`begin; insert into person values (500, 'open', 0, 'x')`)
  await using socket = await attached()
  const { id } = await socket.subscribe({ kind: 'table', relation: 'person' })
  const snapshot = await socket.next('snapshot', (m) => m.subscription === id)
  expect(snapshot.rows.some(([key]) => key === '[500]')).toBe(false)
  await writer.query('commit')
  await socket.until((changes) => changes.some((c) => c.key === '[500]'))
})

test('E-66 senseless messages are answered and do no harm', async () => {
  await using socket = await attached()
  for (const message of [
    null,
    7,
    'x',
    [],
    {},
    { subscription: null },
    { subscription: { kind: 'table', relation: {} } },
  ])
    expect(await socket.request('subscribe', message)).toMatchObject({ ok: false, code: 'invalid_message' })
  socket.socket.emit('subscribe') // no message, no reply
  socket.socket.emit('nonsense', 1)
  expect(await socket.subscribe({ kind: 'table', relation: 'person' })).toMatchObject({
    id: 'table:public.person',
  })
})

test('a relation that gets another shape while it is followed', async () => {
  await sql.query(
    `create table changing (id int primary key, a text); insert into changing values (1, 'x'); select event.track('changing')`,
  )
  await using socket = await attached()
  const { id } = await socket.subscribe({ kind: 'table', relation: 'changing' })
  await socket.next('snapshot', (m) => m.subscription === id)
  await sql.query(`alter table changing add column b int default 7`)
  const snapshot = await socket.next('snapshot', (m) => m.rows.some(([, row]) => 'b' in row))
  expect(snapshot.rows).toEqual([['[1]', { id: 1, a: 'x', b: 7 }]])
})

test('a page of another origin is not let in by any transport, and is counted; one of an origin that is named is', async () => {
  await using naming = await startRowcast(database, { allowedOrigins: ['https://app.example.org'] })
  const isLetIn = async (origin: string, transport: string) => {
    const options = { path: defaultPath, transports: [transport], reconnection: false, forceNew: true }
    const socket = io(naming.url, { ...options, extraHeaders: { origin } })
    try {
      return await new Promise<boolean>((resolve) => {
        socket.on('connect', () => resolve(true))
        socket.on('connect_error', () => resolve(false))
      })
    } finally {
      socket.disconnect()
    }
  }
  const refused = async () => {
    const metric = await naming.rowcast.metrics.getSingleMetric('rowcast_refused_connections_total')?.get()
    return metric?.values.find(({ labels }) => labels['reason'] === 'origin')?.value ?? 0
  }
  for (const transport of ['websocket', 'polling']) {
    expect(await isLetIn(naming.url, transport)).toBe(true)
    expect(await isLetIn('https://app.example.org', transport)).toBe(true)
    const before = await refused()
    for (const origin of ['https://evil.example', 'https://app.example.org.evil.example', 'null'])
      expect(await isLetIn(origin, transport), `${origin} by ${transport}`).toBe(false)
    expect(await refused()).toBe(before + 3)
  }
})
