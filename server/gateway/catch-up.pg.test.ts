import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { startOnNewDatabase, startRowcast } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'
import { TcpProxy } from '../../test/tcp-proxy.ts'

const tableA = { kind: 'table', relation: 'a' } as const
const tableB = { kind: 'table', relation: 'b' } as const

async function attached(url: string, subscriptions: readonly (typeof tableA | typeof tableB)[]) {
  const socket = new TestSocket(url)
  const reply = await socket.attach({
    subscriptions: subscriptions.map((subscription) => ({ subscription })),
  })
  if (!reply.ok) throw new Error(reply.message)
  await socket.next('progress')
  return Object.assign(socket, { session: reply.value.session })
}

function changesOf(socket: TestSocket): string[] {
  return socket.changes.map(({ op, relation, key }) => `${op} ${relation}.${key}`)
}

test('C-17 a client that takes nothing off costs a bounded amount, holds up nobody, and then gets each change once', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, text text); create table b (id int primary key);
     select event.track('a'); select event.track('b')`,
    { maxBufferedBytes: 1_000_000 },
  )
  await using proxy = await TcpProxy.start({ port: at.server.port })
  await using stuck = await attached(`http://127.0.0.1:${proxy.port}`, [tableA, tableB])
  await using other = await attached(at.server.url, [tableA, tableB])
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

test('C-17 a slow client is given a large table at its own pace, and keeps nobody else waiting', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, text text); insert into a select n, repeat('x', 1000) from generate_series(1, 20000) as n;
     create table b (id int primary key); select event.track('a'); select event.track('b')`,
  )
  await using proxy = await TcpProxy.start({ port: at.server.port })
  proxy.setRate(4_000_000)
  const slow = new TestSocket(`http://127.0.0.1:${proxy.port}`)
  await using _ = slow
  await slow.attach({ subscriptions: [{ subscription: tableA }, { subscription: tableB }] })
  const isDone = () => slow.messages.some(({ event }) => event === 'progress')
  let others = 0
  for (; !isDone() && others < 50; others++) {
    const other = await attached(at.server.url, [tableA, tableB])
    await at.admin.query('insert into b values ($1)', [others])
    await other.until((changes) => changes.some(({ key }) => key === `[${others}]`))
    other.socket.disconnect()
  }
  expect(others).toBeGreaterThan(3)
  await expect.poll(isDone, { timeout: 40_000 }).toBe(true)
  const begun = slow.messages.findLastIndex(({ event }) => event === 'catch_up') + 1
  const shown = slow.messages
    .slice(begun)
    .flatMap(({ event, message }) => (event === 'snapshot' ? message.rows : []))
  const inB = slow.changes.filter(({ relation }) => relation === 'public.b')
  expect(shown.filter(([, row]) => 'text' in row)).toHaveLength(20_000)
  await slow.until((changes) => changes.some(({ key }) => key === `[${others - 1}]`))
  expect(inB.length).toBeLessThanOrEqual(others)
})

test('E-65 many who come back at once, each from a place of its own, each get exactly what they missed', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key); create table b (id int primary key); select event.track('a'); select event.track('b')`,
  )
  const slow = await at.database.connect()
  const seen: { session: { id: string; token: string }; position: string }[] = []
  await using first = await attached(at.server.url, [tableA])
  const { shape } = await first.next('snapshot')
  for (let i = 0; i < 30; i++) {
    const socket = await attached(at.server.url, [tableA])
    if (i % 7 === 3) await slow.query(`begin; insert into a values (${1000 + i})`)
    await at.admin.query(`insert into a values (${i}); insert into b values (${i})`)
    if (i % 7 === 6) await slow.query('commit')
    const { to } = await socket.next('batch', (batch) => JSON.stringify(batch).includes(`"[${i}]"`))
    seen.push({ session: socket.session, position: to })
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

test('E-17 E-19 a session that is attached elsewhere gets what it follows, and what it has not acknowledged', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key); create table b (id int primary key); select event.track('a'); select event.track('b')`,
  )
  await using elsewhere = await startRowcast(at.database)
  const here = await attached(at.server.url, [tableA])
  await at.admin.query('insert into a values (1)')
  const { to } = await here.next('batch')
  expect(await here.request('ack', { position: to })).toMatchObject({ ok: true })
  await at.admin.query('insert into a values (2); insert into b values (2)')
  await here.until((changes) => changes.length === 2)
  // Of what is followed only now, nothing from before is in the inbox.
  await here.subscribe(tableB)
  here.socket.disconnect()
  await at.admin.query('insert into a values (3); delete from a where id = 1; insert into b values (3)')

  await using there = new TestSocket(elsewhere.url)
  const reply = await there.attach({
    session: here.session,
    restore: true,
    subscriptions: [{ subscription: tableB, inbox: true }],
  })
  expect(reply).toMatchObject({
    ok: true,
    value: { resumed: true, restored: [{ subscription: { kind: 'table', relation: 'public.a' } }] },
  })
  await there.next('progress')
  expect(changesOf(there)).toEqual(['row_insert public.b.[3]'])
  const shown = there.messages.flatMap(({ event, message }) =>
    event === 'snapshot' ? [message.rows.map(([key]) => key)] : [],
  )
  expect(shown.sort((a, b) => a.join().localeCompare(b.join()))).toEqual([
    ['[2]', '[3]'],
    ['[2]', '[3]'],
  ])

  await using again = new TestSocket(at.server.url)
  await again.attach({
    session: here.session,
    subscriptions: [{ subscription: tableA, inbox: true }, { subscription: tableB }],
  })
  await again.next('progress')
  expect(changesOf(again)).toEqual([
    'row_insert public.a.[2]',
    'row_insert public.a.[3]',
    'row_delete public.a.[1]',
  ])
  expect(again.messages.map(({ event }) => event)).toEqual(['batch', 'snapshot', 'snapshot', 'progress'])
})

test('E-65 a position that has been pruned is answered by a reset that says so, and fresh rows', async () => {
  await using at = await startOnNewDatabase(`create table a (id int primary key); select event.track('a')`)
  const here = await attached(at.server.url, [tableA])
  await at.admin.query('insert into a values (1)')
  const { to } = await here.next('batch')
  const { shape } = await here.next('snapshot')
  here.socket.disconnect()
  await at.admin.query(`insert into a values (2)`)
  await prune(at.admin)
  await using again = new TestSocket(at.server.url)
  await again.attach({
    session: here.session,
    position: to,
    subscriptions: [{ subscription: tableA, held: shape }],
  })
  await again.next('progress')
  expect(again.messages.map(({ event }) => event)).toEqual(['reset', 'snapshot', 'progress'])
  expect(again.messages[0]?.message).toEqual({ reason: 'position_expired' })
  await at.admin.query('insert into a values (3)')
  await again.until((changes) => changes.length === 1)
})

/** As if all that has been logged were older than is kept. Waits for old transactions, which other tests may have in this server. */
async function prune(admin: pg.Client): Promise<void> {
  await admin.query(`select event.retain('1 minute', null)`)
  for (let days = 1, left = 1; left > 0; days++) {
    await admin.query(`select * from event.tend_log_at(now() + $1 * interval '1 day')`, [days])
    const { rows } = await admin.query('select count(*)::int as left from event.change')
    left = rows[0].left
    await sleep(10)
  }
}

test('a table that is locked holds up only those who follow it', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, x int); create table b (id int primary key);
     select event.track('a'); select event.track('b')`,
  )
  await using ofA = await attached(at.server.url, [tableB])
  const filtered = { ...tableA, where: { column: 'x', op: 'gt', value: 1 } } as const
  const { id } = await ofA.subscribe(filtered)
  await ofA.next('snapshot', (snapshot) => snapshot.subscription === id)
  await using ofB = await attached(at.server.url, [tableB])

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
  // Nor does one who begins to follow it.
  const asked = await ofB.subscribe({ ...filtered, limit: 5 })
  await at.admin.query('insert into b values (2)')
  await ofB.until((changes) => changes.some(({ key, relation }) => relation === 'public.b' && key === '[2]'))
  expect(
    ofB.messages.some(({ event, message }) => event === 'snapshot' && message.subscription === asked.id),
  ).toBe(false)
  await locker.query('commit')
  expect((await ofB.next('snapshot', ({ subscription }) => subscription === asked.id)).rows).toHaveLength(2)
  await ofA.until((changes) => changes.some(({ relation }) => relation === 'public.b'))
  const after = ofA.messages.findIndex(({ event }) => event === 'catch_up')
  const shown = await ofA.next('snapshot', (snapshot) => snapshot.subscription === id, after)
  expect(shown.rows).toEqual([
    ['[1]', { id: 1, x: 5 }],
    ['[2]', { id: 2, x: 5 }],
  ])
})

test('what is left while it could not be read makes nobody catch up', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key); create table b (id int primary key);
     select event.track('a'); select event.track('b')`,
  )
  await using socket = await attached(at.server.url, [tableB])
  const isWaitedFor = async () =>
    (await at.admin.query(`select from pg_locks where relation = 'a'::regclass and not granted`)).rows
      .length > 0
  const locker = await at.database.connect()
  await locker.query('begin; lock table a in access exclusive mode')
  const { id } = await socket.subscribe(tableA)
  while (!(await isWaitedFor())) await sleep(10)
  await socket.request('unsubscribe', { id })
  while (await isWaitedFor()) await sleep(10)
  await locker.query('commit')
  await at.admin.query('insert into b values (1)')
  await socket.until((changes) => changes.length === 1)
  expect(socket.messages.some(({ event }) => event === 'catch_up')).toBe(false)
})

test('a table that is locked and is read by policies holds up only those whom they concern', async () => {
  await using at = await startOnNewDatabase(
    `create table member (id int primary key); insert into member values (1);
     create table a (id int primary key, until timestamptz); insert into a values (1, 'infinity'), (2, 'infinity');
     alter table a enable row level security;
     create policy listed on a using (until > now() and exists (select from member as m where m.id = a.id));
     create table b (id int primary key);
     select event.track('a'); select event.track('b'); select event.track('member')`,
  )
  const role = await at.database.createRole('nologin')
  await at.admin.query(`grant select on all tables in schema public to ${role}`)
  await using ofA = new TestSocket(at.server.url, { role })
  await ofA.attach({ subscriptions: [{ subscription: tableA }] })
  expect((await ofA.next('snapshot')).rows.map(([key]) => key)).toEqual(['[1]'])
  await using ofB = await attached(at.server.url, [tableB])

  const locker = await at.database.connect()
  await locker.query('begin; lock table member in access exclusive mode')
  for (let id = 1; id <= 4; id++) {
    await sleep(700) // those whom a policy with a time in it concerns are asked again all the time
    await at.admin.query(`insert into b values (${id})`)
    await ofB.until((changes) => changes.some(({ key }) => key === `[${id}]`))
  }
  await locker.query('insert into member values (2); commit')
  const both = ofA.next('snapshot', ({ rows }) => rows.length === 2)
  await Promise.any([both, ofA.until((changes) => changes.some(({ key }) => key === '[2]'))])
})

test('who comes back with the rows of a table that is locked is given them afresh as soon as it is not', async () => {
  await using at = await startOnNewDatabase(
    `create table a (id int primary key, x int); insert into a values (1, 5); select event.track('a')`,
  )
  const filtered = { ...tableA, where: { column: 'x', op: 'gt', value: 1 } } as const
  await using before = new TestSocket(at.server.url)
  const reply = await before.attach({ subscriptions: [{ subscription: filtered }] })
  if (!reply.ok) throw new Error(reply.message)
  const { shape } = await before.next('snapshot')
  const { to } = await before.next('progress')
  before.socket.disconnect()

  await at.admin.query('insert into a values (2, 5)')
  await at.admin.query('begin; lock table a in access exclusive mode')
  await using after = new TestSocket(at.server.url)
  await after.attach({
    session: reply.value.session,
    position: to,
    subscriptions: [{ subscription: filtered, held: shape }],
  })
  // Until then it must not be told of a later position: it shows the table as it was.
  await sleep(300)
  expect(after.messages).toEqual([])
  await at.admin.query('commit')
  await after.next('progress')
  expect((await after.next('snapshot')).rows.map(([key]) => key)).toEqual(['[1]', '[2]'])
})
