import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Subscribed } from '../../shared/protocol.ts'
import { startOnNewDatabase } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'

/** Stands in the name of everything that the client may not know of. */
const hidden = 'hushhush'

let at: Awaited<ReturnType<typeof startOnNewDatabase>>
let role: string

beforeAll(async () => {
  at = await startOnNewDatabase(`
    create schema ${hidden}_schema;
    create table ${hidden}_schema.t (id int primary key);
    create table ${hidden}_table (id int primary key, owner text);
    create view ${hidden}_view as select 1 as id;
    create domain small as int constraint ${hidden}_check check (value < 10);
    create domain even as int constraint ${hidden}_even check (value % 2 = 0);
    create collation ${hidden}_collation (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    create function ${hidden}_raises(id int) returns boolean language plpgsql as
      $$ begin if id = 666 then raise exception '${hidden} raised'; end if; return true; end $$;
    create function ${hidden}_constant() returns boolean language plpgsql immutable as
      $$ begin raise exception '${hidden} constant'; end $$;
    create table plain (id int primary key, x small, name text collate ${hidden}_collation, p point, ${hidden}_column text);
    create table keyed (id even primary key, x int);
    create table member_only (id int primary key, x int);
    create table raising (id int primary key, x int);
    create table planned (id int primary key, x int);
    alter table member_only enable row level security;
    create policy ${hidden}_policy on member_only using (id in (select id from ${hidden}_table));
    alter table raising enable row level security;
    create policy ${hidden}_policy on raising using (${hidden}_raises(id));
    alter table planned enable row level security;
    create policy ${hidden}_policy on planned using (${hidden}_constant() and id > 0);
    insert into raising values (1, 1); insert into plain values (1, 1, 'x');
    select event.track('plain'), event.track('keyed'), event.track('member_only'), event.track('raising'),
      event.track('planned'), event.track('${hidden}_table'), event.track('${hidden}_schema.t')`)
  role = await at.database.createRole('nologin')
  await at.admin.query(`
    grant select (id, x, name, p) on plain to ${role}; grant select on keyed, member_only, raising, planned to ${role};
    grant usage on schema public to ${role}; grant ${role} to current_user`)
})
afterAll(() => at[Symbol.asyncDispose]())

const where = (column: string, op: string, value: unknown) => ({ where: { column, op, value } })

test.for<[what: string, subscription: object]>([
  ['a value that its type refuses', { kind: 'table', relation: 'plain', ...where('x', 'eq', 'many') }],
  [
    'a value that a constraint of its domain refuses',
    { kind: 'table', relation: 'plain', ...where('x', 'eq', 11) },
  ],
  ['values of which one is refused', { kind: 'table', relation: 'plain', ...where('x', 'in', [1, 11]) }],
  [
    'a comparison that its collation refuses',
    { kind: 'table', relation: 'plain', ...where('name', 'ilike', 'a%') },
  ],
  [
    'a comparison that its type does not know',
    { kind: 'table', relation: 'plain', ...where('p', 'lt', '(1,2)') },
  ],
  [
    'an order that its type does not know',
    { kind: 'table', relation: 'plain', orderBy: [{ column: 'p', direction: 'asc' }] },
  ],
  ['a key that a constraint refuses', { kind: 'row', relation: 'keyed', key: [3] }],
  ['a key of too many values', { kind: 'row', relation: 'plain', key: [3, 4] }],
  ['a filter on what is not there', { kind: 'table', relation: 'plain', ...where('nothing', 'eq', 1) }],
  ['a table of which a policy reads what the role may not', { kind: 'table', relation: 'member_only' }],
  ['the same, filtered', { kind: 'table', relation: 'member_only', ...where('x', 'gt', 1) }],
  ['a row of it', { kind: 'row', relation: 'member_only', key: [1] }],
  ['a policy that fails when it is planned', { kind: 'table', relation: 'planned', ...where('x', 'gt', 1) }],
  ['Rowcast’s own', { kind: 'table', relation: 'event.change' }],
  ['PostgreSQL’s own', { kind: 'table', relation: 'pg_catalog.pg_policy' }],
])('what is refused names nothing that is hidden: %s', async ([, subscription]) => {
  await using socket = new TestSocket(at.server.url, { role })
  const attached = await socket.attach({ subscriptions: [{ subscription: subscription as never }] })
  const answer = attached.ok ? attached.value.subscriptions[0] : attached
  const asked = await socket.request<Subscribed>('subscribe', { subscription })
  // Some of it can be told only when it is read.
  if (asked.ok) await socket.next('ended', (m) => m.subscription === asked.value.id)
  expect(JSON.stringify([answer, asked, socket.messages])).not.toContain(hidden)
})

test.for<[what: string, hidden: object, missing: object]>([
  ['a table', { kind: 'table', relation: 'hushhush_table' }, { kind: 'table', relation: 'nothing' }],
  ['a view', { kind: 'table', relation: 'hushhush_view' }, { kind: 'table', relation: 'nothing' }],
  ['a schema', { kind: 'table', relation: 'hushhush_schema.t' }, { kind: 'table', relation: 'nothing.t' }],
  [
    'a column',
    { kind: 'column', relation: 'plain', column: 'hushhush_column' },
    { kind: 'column', relation: 'plain', column: 'nothing' },
  ],
  [
    'a field',
    { kind: 'field', relation: 'plain', key: [1], column: 'hushhush_column' },
    { kind: 'field', relation: 'plain', key: [1], column: 'nothing' },
  ],
  [
    'a column in a filter',
    { kind: 'table', relation: 'plain', ...where('hushhush_column', 'eq', 'x') },
    { kind: 'table', relation: 'plain', ...where('nothing', 'eq', 'x') },
  ],
  [
    'a column in an order',
    { kind: 'table', relation: 'plain', orderBy: [{ column: 'hushhush_column', direction: 'asc' }] },
    { kind: 'table', relation: 'plain', orderBy: [{ column: 'nothing', direction: 'asc' }] },
  ],
])('what is hidden is answered like what is not there: %s', async ([, secret, missing]) => {
  await using socket = new TestSocket(at.server.url, { role })
  await socket.attach()
  const answers = [secret, missing].map((subscription) => socket.request('subscribe', { subscription }))
  const [ofSecret, ofMissing] = (await Promise.all(answers)).map((answer) => JSON.stringify(answer))
  expect(ofSecret?.replaceAll(/hushhush_(table|view|schema|column)/g, 'nothing')).toBe(ofMissing)
})

test('a policy that fails at a row ends what is followed, and its words stay on the server', async () => {
  await using socket = new TestSocket(at.server.url, { role })
  await socket.attach({ subscriptions: [{ subscription: { kind: 'table', relation: 'raising' } }] })
  await socket.next('progress')
  await at.admin.query('insert into raising values (666, 1)')
  await socket.next('ended')
  expect(JSON.stringify(socket.messages)).not.toContain(hidden)
})

test('a table that gets a key that is hidden is not followed any more, and the key is not named', async () => {
  await using socket = new TestSocket(at.server.url, { role })
  await at.admin.query(`
    create table rekeyed (id int primary key, name text); select event.track('rekeyed'); grant select (id, name) on rekeyed to ${role}`)
  await socket.attach({ subscriptions: [{ subscription: { kind: 'table', relation: 'rekeyed' } }] })
  await socket.next('progress')
  await at.admin.query(`
    alter table rekeyed drop constraint rekeyed_pkey, add column ${hidden}_no int primary key`)
  expect(await socket.next('ended')).toMatchObject({ code: 'permission_denied' })
  expect(JSON.stringify(socket.messages)).not.toContain(hidden)
})

test('a session that is somebody else’s, and one that is none, are one answer', async () => {
  await using owner = new TestSocket(at.server.url, { role, sub: 'ann' })
  const reply = await owner.attach()
  if (!reply.ok) throw new Error(reply.message)
  const { id, token } = reply.value.session
  const nobodys = '00000000-0000-4000-8000-000000000000'
  const answers: string[] = []
  for (const [sub, session] of [
    ['bob', { id, token }],
    ['ann', { id, token: `${token.slice(1)}x` }],
    ['bob', { id: nobodys, token }],
  ] as const) {
    await using socket = new TestSocket(at.server.url, { role, sub })
    answers.push(JSON.stringify(await socket.attach({ session })).replace(session.id, ''))
  }
  expect(new Set(answers).size).toBe(1)
  expect(answers[0]).toContain('session_not_found')
})
