import type pg from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Snapshot } from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { startOnNewDatabase, untilRightsAreOld } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'

let at: Awaited<ReturnType<typeof startOnNewDatabase>>
let admin: pg.Client
let role: string
/** May read all of a table. */
let reader: string
const warnings: string[] = []

beforeAll(async () => {
  at = await startOnNewDatabase(
    `create schema hidden; create table hidden.t (id int primary key); create table secret (id int primary key);
     create view v as select 1 as id; select event.track('secret')`,
    {
      logger: pino({ level: 'warn' }, { write: (line: string) => void warnings.push(line) }),
    },
  )
  ;({ admin } = at)
  role = await at.database.createRole('nologin')
  reader = await at.database.createRole('nologin')
  await admin.query(`grant ${role}, ${reader} to current_user`)
})
afterAll(() => at[Symbol.asyncDispose]())

let tables = 0
let name: string
let person: { readonly kind: 'table'; readonly relation: string }

/** Every test has a table of its own. */
beforeEach(async () => {
  name = `person_${++tables}`
  person = { kind: 'table', relation: name }
  await admin.query(`
    create table ${name} (id int primary key, name text, salary int, note text);
    insert into ${name} values (1, 'Ann', 100, 'x'), (2, 'Bob', 200, 'y');
    select event.track('${name}');
    grant select (id, name, note) on ${name} to ${role}; grant select on ${name} to ${reader}`)
})

async function attached(as = role): Promise<TestSocket> {
  const socket = new TestSocket(at.server.url, { role: as })
  const reply = await socket.attach()
  if (!reply.ok) throw new Error(reply.message)
  await socket.next('progress')
  return socket
}

async function following(subscription: Subscription, as = role): Promise<TestSocket> {
  const socket = await attached(as)
  const { id } = await socket.subscribe(subscription)
  await socket.next('snapshot', (m) => m.subscription === id && m.done)
  return socket
}

/** The changes so far, each without whom it is for. */
const told = (socket: TestSocket) =>
  socket.changes.map((change) => {
    const { for: _, relation: __, ...rest } = change
    return rest
  })

/** Runs SQL, after which who follows a table gets its rows afresh; so the server knows. */
async function alter(follower: TestSocket, sql: string): Promise<Snapshot> {
  const seen = follower.messages.length
  await admin.query(sql)
  return follower.next('snapshot', () => true, seen)
}

/** Nothing that a socket was sent holds a text. */
const holds = (socket: TestSocket, text: string) => JSON.stringify(socket.messages).includes(text)

const subscriptions: [string, () => Subscription][] = [
  ['a table', () => person],
  ['a filtered table', () => ({ ...person, where: { column: 'id', op: 'lt', value: 100 } })],
  ['an equality', () => ({ ...person, where: { column: 'note', op: 'eq', value: 'x' } })],
  ['an ordered table', () => ({ ...person, orderBy: [{ column: 'name', direction: 'asc' }], limit: 10 })],
  ['a row', () => ({ kind: 'row', relation: name, key: [1] })],
]

test.each(subscriptions)('%s shows no hidden column, and no change of it', async (_, subscriptionOf) => {
  const subscription = subscriptionOf()
  await using socket = await following(subscription)
  await using all = await following(subscription, reader)
  const [snapshot, whole] = [await socket.next('snapshot'), await all.next('snapshot')]
  expect(snapshot.rows[0]).toEqual(['[1]', { id: 1, name: 'Ann', note: 'x' }])
  expect(whole.rows[0]).toEqual(['[1]', { id: 1, name: 'Ann', salary: 100, note: 'x' }])

  // Of what comes together, a filter may tell the net effect.
  for (const [sql, op] of [
    [
      `update ${name} set salary = 31415 where id = 1; update ${name} set salary = 31416, name = 'Anna' where id = 1`,
      'field_update',
    ],
    [`delete from ${name} where id = 1`, 'row_delete'],
    [`insert into ${name} values (1, 'Ann', 31417, 'x')`, 'row_insert'],
  ] as const) {
    await admin.query(sql)
    for (const each of [socket, all]) await each.until((changes) => changes.at(-1)?.op === op)
  }
  expect(told(socket)).toEqual([
    { op: 'field_update', key: '[1]', fields: { name: 'Anna' } },
    { op: 'row_delete', key: '[1]' },
    { op: 'row_insert', key: '[1]', row: { id: 1, name: 'Ann', note: 'x' } },
  ])
  expect(told(all)).toEqual([
    { op: 'field_update', key: '[1]', fields: { salary: 31415 } },
    { op: 'field_update', key: '[1]', fields: { salary: 31416, name: 'Anna' } },
    { op: 'row_delete', key: '[1]' },
    { op: 'row_insert', key: '[1]', row: { id: 1, name: 'Ann', salary: 31417, note: 'x' } },
  ])
  expect([holds(socket, '3141'), holds(socket, 'salary')]).toEqual([false, false])
})

test('a row that comes into a filter, or that a limit takes in, shows no hidden column', async () => {
  await using filtered = await following({ ...person, where: { column: 'note', op: 'eq', value: 'z' } })
  await using limited = await following({
    ...person,
    orderBy: [{ column: 'id', direction: 'asc' }],
    limit: 1,
  })
  await admin.query(`update ${name} set note = 'z' where id = 2; delete from ${name} where id = 1`)
  for (const socket of [filtered, limited]) {
    await socket.until((changes) => changes.some(({ op }) => op === 'row_insert'))
    expect(told(socket).at(-1)).toEqual({
      op: 'row_insert',
      key: '[2]',
      row: { id: 2, name: 'Bob', note: 'z' },
    })
  }
})

test('what is hidden and what there is not have one answer, and the server says what to grant', async () => {
  await using socket = await attached()
  const ask = (subscription: object) => socket.request('subscribe', { subscription })
  const pairs: [object, string, string][] = [
    [{ kind: 'column', relation: name, column: 'salary' }, 'salary', 'nothing'],
    [{ kind: 'field', relation: name, key: [1], column: 'salary' }, 'salary', 'nothing'],
    [{ ...person, where: { column: 'salary', op: 'gt', value: 1 } }, 'salary', 'nothing'],
    [{ ...person, where: { not: { column: 'salary', op: 'is_null', value: true } } }, 'salary', 'nothing'],
    [{ ...person, orderBy: [{ column: 'salary', direction: 'asc' }] }, 'salary', 'nothing'],
    [{ kind: 'table', relation: 'secret' }, 'secret', 'nothing'],
    [{ kind: 'row', relation: 'secret', key: ['no', 'key'] }, 'secret', 'nothing'],
    [{ kind: 'column', relation: 'secret', column: 'id' }, 'secret', 'nothing'],
    [{ kind: 'table', relation: 'hidden.t' }, 'hidden.t', 'nowhere.t'],
    [{ kind: 'table', relation: 'v' }, '"v"', '"w"'],
  ]
  for (const [subscription, hidden, missing] of pairs) {
    const text = JSON.stringify(subscription)
    const refused = await ask(subscription)
    expect(refused, text).toMatchObject({
      ok: false,
      code: text.includes(name) ? 'column_not_found' : 'relation_not_found',
    })
    const other = await ask(JSON.parse(text.replaceAll(hidden, missing)))
    const bare = (name: string) => name.replaceAll('"', '')
    expect(JSON.stringify(refused).replaceAll(bare(hidden), bare(missing)), text).toBe(JSON.stringify(other))
  }
  const said = warnings.join('')
  expect(said).toContain(`grant select (salary) on public.${name} to ${role}`)
  expect(said).toContain(`grant select on public.secret to ${role}`)
})

test('rows whose key is hidden have no names: they cannot be followed', async () => {
  await admin.query(`revoke select (id) on ${name} from ${role}`)
  await using socket = await attached()
  const refused = await socket.request('subscribe', { subscription: person })
  expect(refused).toMatchObject({ ok: false, code: 'permission_denied' })
  expect(JSON.stringify(refused)).not.toContain('(id)')
})

test('a column that is granted or taken away comes and goes on the open page', async () => {
  await using socket = await following(person)
  const next = async (sql: string) => (await alter(socket, sql)).rows[0]?.[1]
  expect(await next(`grant select (salary) on ${name} to ${role}`)).toEqual({
    id: 1,
    name: 'Ann',
    salary: 100,
    note: 'x',
  })
  expect(await next(`revoke select (salary, note) on ${name} from ${role}`)).toEqual({ id: 1, name: 'Ann' })
  const seen = socket.messages.length
  await admin.query(
    `update ${name} set salary = 31415, note = 'gone'; update ${name} set name = 'A' where id = 1`,
  )
  await socket.until((changes) => changes.some((c) => c.op === 'field_update' && 'name' in c.fields))
  expect(JSON.stringify(socket.messages.slice(seen))).not.toMatch(/31415|gone/)
  // Whoever follows it by itself, or filters by it, ends.
  await using column = await following({ kind: 'column', relation: name, column: 'name' })
  await using filter = await following({ ...person, where: { column: 'name', op: 'eq', value: 'A' } })
  await admin.query(`revoke select (name) on ${name} from ${role}`)
  expect(await column.next('ended')).toMatchObject({ code: 'permission_denied' })
  expect(await filter.next('ended')).toMatchObject({ code: 'column_not_found' })
})

test('who goes on from the log is told nothing of a hidden column', async () => {
  await untilRightsAreOld(at.database.url)
  await using socket = await following(person)
  const { to, shape } = await socket.next('snapshot')
  socket.socket.disconnect()
  await admin.query(`update ${name} set salary = 31415; update ${name} set salary = 31416, name = 'C' where id = 1;
    insert into ${name} values (3, 'Dan', 31417, 'z')`)
  await using again = new TestSocket(at.server.url, { role })
  await again.attach({ position: to, subscriptions: [{ subscription: person, held: shape }] })
  await again.until((changes) => changes.length >= 2)
  expect(told(again)).toEqual([
    { op: 'field_update', key: '[1]', fields: { name: 'C' } },
    { op: 'row_insert', key: '[3]', row: { id: 3, name: 'Dan', note: 'z' } },
  ])

  // Over a change of the columns that may be seen nobody goes on.
  await alter(again, `revoke select (note) on ${name} from ${role}`)
  await using anew = new TestSocket(at.server.url, { role })
  await anew.attach({ position: to, subscriptions: [{ subscription: person, held: shape }] })
  expect((await anew.next('snapshot')).rows[0]?.[1]).toEqual({ id: 1, name: 'C' })
  expect(holds(anew, '3141')).toBe(false)
})

const leaveOut = () => `select event.track('${name}', "except" => array['salary'])`

test('a column that is left out for everyone is there for nobody, also not out of the log of before', async () => {
  await using socket = await following(person, reader)
  const { to, shape } = await socket.next('snapshot')
  await admin.query(`update ${name} set salary = 31415`)
  await socket.until((changes) => changes.length === 2)
  const { rows } = await alter(socket, leaveOut())
  expect(rows[0]).toEqual(['[1]', { id: 1, name: 'Ann', note: 'x' }])
  await admin.query(`update ${name} set salary = 31416, note = 'now' where id = 1`)
  await socket.until((changes) => changes.length === 3)
  expect(told(socket).at(-1)).toEqual({ op: 'field_update', key: '[1]', fields: { note: 'now' } })
  expect(
    await socket.request('subscribe', {
      subscription: { ...person, orderBy: [{ column: 'salary', direction: 'asc' }] },
    }),
  ).toMatchObject({ ok: false, code: 'column_not_found' })

  await using again = new TestSocket(at.server.url, { role: reader })
  await again.attach({ position: to, subscriptions: [{ subscription: person, held: shape, inbox: true }] })
  await again.next('progress')
  expect((await again.next('snapshot')).rows[0]?.[1]).toEqual({ id: 1, name: 'Ann', note: 'now' })
  expect(holds(again, '3141')).toBe(false)
})

test('a session that comes back for its inbox is given nothing of a column that was left out meanwhile', async () => {
  await using socket = new TestSocket(at.server.url, { role: reader })
  const reply = await socket.attach({ subscriptions: [{ subscription: person }] })
  if (!reply.ok) throw new Error(reply.message)
  const { to } = await socket.next('progress')
  await socket.request('ack', { position: to })
  await admin.query(`update ${name} set salary = 31415, name = 'C' where id = 1`)
  await socket.until((changes) => changes.length === 1)
  await using watcher = await following(person, reader)
  socket.socket.disconnect()
  await alter(watcher, leaveOut())
  await using again = new TestSocket(at.server.url, { role: reader })
  await again.attach({ session: reply.value.session, subscriptions: [{ subscription: person, inbox: true }] })
  await again.next('snapshot')
  expect(told(again)).toEqual([{ op: 'field_update', key: '[1]', fields: { name: 'C' } }])
  expect(holds(again, '3141')).toBe(false)
})
