import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startOnNewDatabase, startRowcast } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'
import type { Authenticate } from './authenticate.ts'
import type { Batch } from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'

const channels = `
  create table member (channel int, person text, primary key (channel, person));
  create table message (id int primary key, channel int, body text);
  alter table message enable row level security;
  create policy member on message using (exists (
    select from member as m where m.channel = message.channel
      and m.person = (current_setting('request.jwt.claims', true)::json ->> 'sub')));
  insert into member values (1, 'ann'), (2, 'bob'), (1, 'cid'), (2, 'cid');
  insert into message values (1, 1, 'one'), (2, 2, 'two');
  select event.track('member'), event.track('message');`

/** A chat of three members, and a role that is shown what the policies show. */
async function chat() {
  const at = await startOnNewDatabase(channels)
  const role = await at.database.createRole('nologin')
  await at.admin.query(`grant select on all tables in schema public to ${role}`)
  return {
    ...at,
    sql: (text: string) => at.admin.query(text),
    role,
    async follow(sub: string, subscription: Subscription = { kind: 'table', relation: 'message' }) {
      const socket = new TestSocket(at.server.url, { role, sub })
      await socket.attach()
      const { id } = await socket.subscribe(subscription)
      const snapshot = await socket.next('snapshot', (m) => m.subscription === id && m.done)
      return Object.assign(socket, { keys: snapshot.rows.map(([key]) => key) })
    },
  }
}

let at: Awaited<ReturnType<typeof chat>>
beforeAll(async () => {
  at = await chat()
})
afterAll(() => at[Symbol.asyncDispose]())

type Change = Batch['transactions'][number]['changes'][number]
const told = ({ changes }: TestSocket): string[] =>
  changes.map((change: Change) => {
    const content = 'row' in change ? change.row : 'fields' in change ? change.fields : null
    return [change.op, change.key, ...(content ? [JSON.stringify(content)] : [])].join(' ')
  })
/** Waits until everybody has been told of whatever was before. */
async function settled(...sockets: TestSocket[]) {
  const id = Math.floor(Math.random() * 1e9) + 1000
  await at.sql(`insert into message values (${id}, 1, 'sync'), (${id + 1}, 2, 'sync')`)
  for (const socket of sockets)
    await socket.until((changes) => changes.some(({ key }) => key === `[${id}]` || key === `[${id + 1}]`))
  await at.sql(`delete from message where id in (${id}, ${id + 1})`)
  for (const socket of sockets)
    await socket.until((changes) =>
      changes.some(({ op, key }) => op === 'row_delete' && (key === `[${id}]` || key === `[${id + 1}]`)),
    )
  return [`[${id}]`, `[${id + 1}]`]
}
async function toldBefore(work: () => Promise<unknown>, ...sockets: TestSocket[]): Promise<string[][]> {
  const before = sockets.map((socket) => told(socket).length)
  await work()
  const marks = await settled(...sockets)
  return sockets.map((socket, i) =>
    told(socket)
      .slice(before[i])
      .filter((text) => !marks.some((key) => text.includes(key))),
  )
}

test('E-40 each is shown, and told of, what the policy shows, and nothing else', async () => {
  await using ann = await at.follow('ann')
  await using bob = await at.follow('bob')
  await using cid = await at.follow('cid')
  expect([ann.keys, bob.keys, cid.keys]).toEqual([['[1]'], ['[2]'], ['[1]', '[2]']])
  const all = [ann, bob, cid]

  expect(await toldBefore(() => at.sql(`insert into message values (3, 1, 'three')`), ...all)).toEqual([
    ['row_insert [3] {"id":3,"channel":1,"body":"three"}'],
    [],
    ['row_insert [3] {"id":3,"channel":1,"body":"three"}'],
  ])
  expect(await toldBefore(() => at.sql(`update message set body = 'drei' where id = 3`), ...all)).toEqual([
    ['field_update [3] {"body":"drei"}'],
    [],
    ['field_update [3] {"body":"drei"}'],
  ])
  expect(await toldBefore(() => at.sql(`update message set channel = 2 where id = 3`), ...all)).toEqual([
    ['row_delete [3]'],
    ['row_insert [3] {"id":3,"channel":2,"body":"drei"}'],
    ['field_update [3] {"channel":2}'],
  ])
  expect(await toldBefore(() => at.sql(`delete from message where id = 3`), ...all)).toEqual([
    [],
    ['row_delete [3]'],
    ['row_delete [3]'],
  ])
})

test('who joins is given the history, from whom is taken the right the rows: with the very commit', async () => {
  await using ann = await at.follow('ann')
  await using bob = await at.follow('bob')
  expect(await toldBefore(() => at.sql(`insert into member values (2, 'ann')`), ann, bob)).toEqual([
    ['row_insert [2] {"id":2,"channel":2,"body":"two"}'],
    [],
  ])
  expect(
    await toldBefore(() => at.sql(`delete from member where channel = 2 and person = 'ann'`), ann, bob),
  ).toEqual([['row_delete [2]'], []])
})

test('what a row held while it could not be seen is not told', async () => {
  await using ann = await at.follow('ann')
  const [changes] = await toldBefore(
    () =>
      at.sql(`begin; update message set channel = 2, body = 'secret' where id = 1;
              update message set channel = 1, body = 'plain' where id = 1; commit`),
    ann,
  )
  expect(changes).toEqual(['field_update [1] {"channel":1,"body":"plain"}'])
  await at.sql(`update message set body = 'one' where id = 1`)
})

test.for([
  [`delete from message where id = 1; insert into message values (1, 2, 'secret')`, ['row_delete [1]']],
  [`update message set id = 7, channel = 2, body = 'secret' where id = 1`, ['row_delete [1]']],
  [
    `delete from member where person = 'ann'; update message set body = 'secret' where id = 1;
     update message set body = 'plain' where id = 1; insert into member values (1, 'ann')`,
    ['field_update [1] {"body":"plain"}'],
  ],
  [
    `insert into member values (2, 'ann'); update message set body = 'secret' where id = 2;
     update message set body = 'two' where id = 2; delete from member where channel = 2 and person = 'ann'`,
    [],
  ],
  [`insert into message values (3, 1, 'secret'); update message set channel = 2 where id = 3`, []],
  [
    `insert into message values (3, 2, 'secret'); update message set channel = 1, body = 'plain' where id = 3`,
    ['row_insert [3] {"id":3,"channel":1,"body":"plain"}'],
  ],
  [
    `delete from member where person = 'ann'; delete from message where id = 1; insert into message values (1, 1, 'secret');
     update message set body = 'plain' where id = 1; insert into member values (1, 'ann')`,
    ['row_delete [1]', 'row_insert [1] {"id":1,"channel":1,"body":"plain"}'],
  ],
] as const)('only what a transaction comes to is told: %s', async ([sql, expected]) => {
  for (const subscription of [
    { kind: 'table', relation: 'message' },
    { kind: 'table', relation: 'message', where: { column: 'id', op: 'lt', value: 100 } },
    { kind: 'table', relation: 'message', orderBy: [{ column: 'id', direction: 'asc' }], limit: 50 },
  ] as const) {
    await using ann = await at.follow('ann', subscription)
    await using witness = await at.follow('cid')
    const before = told(ann).length
    await at.sql(`begin; ${sql}; commit`)
    await settled(witness)
    if (expected.length > 0) await ann.until(() => told(ann).length >= before + expected.length)
    const isOurs = (text: string) => /\[[1-9]\]/.test(text)
    expect(told(ann).slice(before).filter(isOurs), JSON.stringify(subscription)).toEqual(expected)
    expect(JSON.stringify(ann.messages)).not.toContain('secret')
    await at.sql(`begin; delete from message; delete from member;
      insert into member values (1, 'ann'), (2, 'bob'), (1, 'cid'), (2, 'cid');
      insert into message values (1, 1, 'one'), (2, 2, 'two'); commit`)
  }
})

test('rows, fields, columns and filters are shown as far as they can be seen', async () => {
  const subscriptions: Subscription[] = [
    { kind: 'row', relation: 'message', key: [2] },
    { kind: 'field', relation: 'message', key: [2], column: 'body' },
    { kind: 'column', relation: 'message', column: 'body' },
    { kind: 'table', relation: 'message', where: { column: 'body', op: 'eq', value: 'two' } },
    { kind: 'table', relation: 'message', where: { column: 'body', op: 'like', value: 't%' } },
    { kind: 'table', relation: 'message', orderBy: [{ column: 'id', direction: 'desc' }], limit: 1 },
  ]
  for (const subscription of subscriptions) {
    await using ann = await at.follow('ann', subscription)
    await using cid = await at.follow('cid', subscription)
    await using witness = await at.follow('cid')
    const isTold = ({ messages }: TestSocket) => JSON.stringify(messages).includes('two')
    const what = JSON.stringify(subscription)
    expect([isTold(ann), isTold(cid)], what).toEqual([false, true])
    await toldBefore(() => at.sql(`update message set body = 'two!' where id = 2`), witness)
    await toldBefore(() => at.sql(`update message set body = 'two' where id = 2`), witness)
    expect(isTold(ann), what).toBe(false)
    await at.sql(`insert into member values (2, 'ann')`)
    await ann.until((changes) => JSON.stringify(changes).includes('two'))
    await at.sql(`delete from member where channel = 2 and person = 'ann'`)
    await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[2]'))
  }
})

test('C-41 a policy, a grant and a role that change take effect on what is shown', async () => {
  await using ann = await at.follow('ann')
  await at.sql(`alter policy member on message using (body <> 'one')`)
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[1]'))
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_insert' && key === '[2]'))
  await at.sql(`alter policy member on message using (exists (
    select from member as m where m.channel = message.channel
      and m.person = (current_setting('request.jwt.claims', true)::json ->> 'sub')))`)
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[2]'))
  await at.sql(`alter table message disable row level security`)
  await ann.next('snapshot', (m) => m.rows.length === 2)
  await at.sql(`alter table message enable row level security`)
  await ann.next('snapshot', (m) => m.rows.length === 1, ann.messages.length)
  await at.sql(`revoke select on message from ${at.role}`)
  expect(await ann.next('ended')).toMatchObject({ code: 'permission_denied' })
  await at.sql(`grant select on message to ${at.role}`)
})

test('a server that is not exempt from row security any more goes on, and nothing goes from any page', async () => {
  const user = await at.database.createRole(`login password 'it' noinherit bypassrls`)
  await at.sql(`
    create table diary (id int primary key, owner text); alter table diary enable row level security;
    create policy own on diary to ${at.role} using (owner = (current_setting('request.jwt.claims', true)::json ->> 'sub'));
    insert into diary values (1, 'ann'), (2, 'bob'); select event.track('diary'); grant select on diary to ${at.role}, ${user};
    select event.grant_server('${user}'); grant ${at.role} to ${user}`)
  const url = new URL(at.database.url)
  Object.assign(url, { username: user, password: 'it' })
  await using other = await startRowcast(url.href)
  await using ann = new TestSocket(other.url, { role: at.role, sub: 'ann' })
  await ann.attach()
  await ann.subscribe({ kind: 'table', relation: 'diary' })
  expect((await ann.next('snapshot', (m) => m.done)).rows.map(([key]) => key)).toEqual(['[1]'])
  await at.sql(`alter role ${user} nobypassrls; update diary set owner = 'ann'`)
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_insert' && key === '[2]'))
  await at.sql(`update diary set owner = 'bob' where id = 2`)
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[2]'))
  expect(told(ann)).not.toContain('row_delete [1]')
})

test('what a function reads that nobody can look into is found out when it runs', async () => {
  await at.sql(`
    create table grantee (note int, person text, primary key (note, person));
    create table note (id int primary key, body text); alter table note enable row level security;
    create function may_read(id int) returns boolean language plpgsql stable security definer as $$
    begin
      return exists (select from grantee where note = id
        and person = current_setting('request.jwt.claims', true)::json ->> 'sub');
    end $$;
    create policy granted on note using (may_read(id));
    grant select on note to ${at.role};
    insert into note values (1, 'a'), (2, 'b'); insert into grantee values (1, 'ann');
    select event.track('note'), event.track('grantee')`)
  await using ann = await at.follow('ann', { kind: 'table', relation: 'note' })
  expect(ann.keys).toEqual(['[1]'])
  await at.sql(`insert into grantee values (2, 'ann')`)
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_insert' && key === '[2]'))
  await at.sql(`delete from grantee where note = 1`)
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[1]'))
})

test.each([
  [
    'a policy',
    'locker',
    'exists (select from pass as p where p.person = locker.person and p.pin = locker.pin)',
  ],
  ['a function that a policy calls', 'drawer', 'knows(person, pin)'],
])(
  'what is left out for everyone, and so in no log, is asked again all the time if %s reads it',
  async (_, table, condition) => {
    await at.sql(`
    create table pass (person text primary key, pin text);
    create table ${table} (id int primary key, person text, pin text); alter table ${table} enable row level security;
    create function knows(whose text, what text) returns boolean language plpgsql stable as $$
    begin return exists (select from pass as p where p.person = whose and p.pin = what); end $$;
    create policy known on ${table} using (${condition});
    grant select on ${table}, pass to ${at.role};
    insert into pass values ('ann', '1'); insert into ${table} values (1, 'ann', '1'), (2, 'ann', '2');
    select event.track('${table}', array['pin']), event.track('pass', array['pin'])`)
    await using ann = await at.follow('ann', { kind: 'table', relation: table })
    expect(ann.keys).toEqual(['[1]'])
    await at.sql(`update pass set pin = '2'`)
    await ann.until((changes) => changes.some(({ op, key }) => op === 'row_insert' && key === '[2]'))
    await at.sql(`update ${table} set pin = '3' where id = 2`)
    await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[2]'))
    expect(JSON.stringify(ann.messages)).not.toContain('pin')
    await at.sql(`drop table ${table}; drop function knows; drop table pass`)
  },
)

test('what is altered while somebody waits to begin begins as it is then', async () => {
  await at.sql(`
    create table parcel (id int primary key, person text); alter table parcel enable row level security;
    create policy mine on parcel using (person = current_setting('request.jwt.claims', true)::json ->> 'sub');
    grant select on parcel to ${at.role};
    insert into parcel values (1, 'ann'), (2, 'bob');
    select event.track('parcel')`)
  const other = await at.database.connect()
  await using ann = new TestSocket(at.server.url, { role: at.role, sub: 'ann' })
  await ann.attach()
  await using bob = await at.follow('bob', { kind: 'table', relation: 'parcel' }) // what it means has just been asked for
  expect(bob.keys).toEqual(['[2]'])
  await other.query('begin; lock table parcel in access exclusive mode')
  const subscribing = ann.subscribe({ kind: 'table', relation: 'parcel' })
  await sleep(400)
  await other.query('alter table parcel rename id to number; commit')
  const { id } = await subscribing
  const snapshot = await ann.next('snapshot', (m) => m.subscription === id && m.done)
  expect(snapshot.rows).toEqual([['[1]', { number: 1, person: 'ann' }]])
  expect(ann.messages.map(({ event }) => event)).not.toContain('ended')
})

test('what a view shows decides with it for whoever is shown rows by it: also of one that a function reads', async () => {
  await at.sql(`
    create table ward (id int primary key, nurse text);
    create view nurses as select id, nurse from ward;
    create view all_nurses as select * from nurses;
    create function is_nurse(of_ward int) returns boolean language plpgsql stable as $$
    begin
      return exists (select from all_nurses where id = of_ward
        and nurse = current_setting('request.jwt.claims', true)::json ->> 'sub');
    end $$;
    create table bed (id int primary key, ward int); alter table bed enable row level security;
    create policy nurses on bed using (exists (select from nurses as n where n.id = bed.ward
      and n.nurse = current_setting('request.jwt.claims', true)::json ->> 'sub'));
    create table chart (id int primary key, ward int); alter table chart enable row level security;
    create policy nurses on chart using (is_nurse(ward));
    grant select on bed, chart, ward, nurses, all_nurses to ${at.role}; alter view nurses owner to ${at.role};
    insert into ward values (1, 'ann'), (2, 'ann'), (3, 'bob');
    insert into bed values (1, 1), (2, 2), (3, 3); insert into chart values (1, 1), (2, 2), (3, 3);
    select event.track('ward'), event.track('bed'), event.track('chart')`)
  for (const relation of ['bed', 'chart']) {
    await using ann = await at.follow('ann', { kind: 'table', relation })
    expect(ann.keys).toEqual(['[1]', '[2]'])
    await at.sql('create or replace view nurses as select id, nurse from ward where id <> 2')
    await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[2]'))
    await at.sql(
      `create or replace rule "_RETURN" as on select to nurses do instead select id, 'ann' as nurse from ward`,
    )
    await ann.until((changes) => changes.filter(({ op }) => op === 'row_insert').length === 2)
    await at.sql(
      'alter table ward enable row level security; alter view nurses set (security_invoker = true)',
    )
    await ann.until((changes) => changes.filter(({ op }) => op === 'row_delete').length === 4)
    await at.sql(`alter table ward disable row level security;
      create or replace view nurses as select id, nurse from ward`)
    await ann.until((changes) => changes.filter(({ op }) => op === 'row_insert').length === 4)
    expect(ann.messages.filter(({ event }) => event === 'ended')).toEqual([])
  }
})

test('who leaves a table of members, which a function shows to members, is shown nobody of it any more', async () => {
  await at.sql(`
    create table crew (ship int, sailor text, primary key (ship, sailor)); alter table crew enable row level security;
    create function is_crew(of_ship int) returns boolean language plpgsql stable security definer as $$
    begin
      return exists (select from crew as c where c.ship = of_ship
        and c.sailor = current_setting('request.jwt.claims', true)::json ->> 'sub');
    end $$;
    create policy mates on crew using (is_crew(ship));
    grant select on crew to ${at.role};
    insert into crew values (1, 'ann'), (1, 'bob'), (2, 'bob');
    select event.track('crew')`)
  await using ann = await at.follow('ann', { kind: 'table', relation: 'crew' })
  expect(ann.keys).toEqual(['[1,"ann"]', '[1,"bob"]'])
  await at.sql(`insert into crew values (2, 'ann')`)
  await ann.until((changes) => changes.filter(({ op }) => op === 'row_insert').length === 2)
  await at.sql(`delete from crew where sailor = 'ann' and ship = 1`)
  await ann.until((changes) => changes.filter(({ op }) => op === 'row_delete').length === 2)
  expect(ann.changes.map(({ op, key }) => `${op} ${key}`).toSorted()).toEqual([
    'row_delete [1,"ann"]',
    'row_delete [1,"bob"]',
    'row_insert [2,"ann"]',
    'row_insert [2,"bob"]',
  ])
})

test('what no log tells is asked again all the time', async () => {
  await at.sql(`
    create table secret_list (note int primary key);
    create table memo (id int primary key, until timestamptz); alter table memo enable row level security;
    create policy listed on memo using (until > now() and id in (select s.note from secret_list as s));
    grant select on memo, secret_list to ${at.role};
    insert into memo values (1, now() + '3 s'), (2, 'infinity'), (3, 'infinity');
    insert into secret_list values (1), (2);
    select event.track('memo')`)
  await using ann = await at.follow('ann', { kind: 'table', relation: 'memo' })
  expect(ann.keys).toEqual(['[1]', '[2]'])
  await at.sql(`insert into secret_list values (3)`)
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_insert' && key === '[3]'))
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[1]'))
})

test('what another role is a member of, which a policy asks for, is asked again all the time', async () => {
  const [staff, bob] = [await at.database.createRole('nologin'), await at.database.createRole('nologin')]
  await at.sql(`
    create table desk (id int primary key, owner name); alter table desk enable row level security;
    create policy of_staff on desk using (pg_has_role(owner, '${staff}', 'member'));
    grant select on desk to ${at.role}; grant ${staff} to ${bob};
    insert into desk values (1, '${bob}'); select event.track('desk')`)
  await using ann = await at.follow('ann', { kind: 'table', relation: 'desk' })
  expect(ann.keys).toEqual(['[1]'])
  await at.sql(`revoke ${staff} from ${bob}`)
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[1]'))
})

test.each([
  ['a function', 'lent_by_function', 'may_borrow(id)'],
  ['a view', 'lent_by_view', 'id in (select v.item from valid_loan as v)'],
])('the time that is read in %s is not missed, either', async (_, table, condition) => {
  await at.sql(`
    create table if not exists loan (item int primary key, until timestamptz);
    create or replace view valid_loan as select l.item from loan as l where l.until > current_timestamp;
    create or replace function may_borrow(item int) returns boolean language sql stable security definer as
      $$ select exists (select from loan as l where l.item = may_borrow.item and l.until > now()) $$;
    create table ${table} (id int primary key); alter table ${table} enable row level security;
    create policy lent on ${table} using (${condition}); insert into ${table} values (1), (2);
    grant select on ${table}, loan, valid_loan to ${at.role};
    insert into loan values (1, 'infinity'), (2, 'infinity') on conflict (item) do update set until = 'infinity';
    select event.track('loan'), event.track('${table}')`)
  await using ann = await at.follow('ann', { kind: 'table', relation: table })
  expect(ann.keys).toEqual(['[1]', '[2]'])
  await at.sql(`update loan set until = now() + '1 s' where item = 1`)
  await ann.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[1]'))
})

test('claims that are renewed, and two tokens of one user, are each shown what they allow', async () => {
  const authenticate: Authenticate = ({ auth }) => ({
    role: at.role,
    claims: { sub: 'eve', org: auth['org'] },
  })
  await at.sql(`
    create table doc (id int primary key, org text); alter table doc enable row level security;
    create policy of_org on doc using (org = current_setting('request.jwt.claims', true)::json ->> 'org');
    grant select on doc to ${at.role};
    insert into doc values (1, 'a'), (2, 'b'); select event.track('doc')`)
  await using server = await startRowcast(at.database.url, { authenticate })
  await using one = new TestSocket(server.url, { org: 'a' })
  const reply = await one.attach()
  if (!reply.ok) throw new Error(reply.message)
  await using other = new TestSocket(server.url, { org: 'b' })
  await other.attach({ session: reply.value.session })
  const docs: Subscription = { kind: 'table', relation: 'doc' }
  for (const socket of [one, other]) await socket.subscribe(docs)
  expect((await one.next('snapshot')).rows).toEqual([['[1]', { id: 1, org: 'a' }]])
  expect((await other.next('snapshot')).rows).toEqual([['[2]', { id: 2, org: 'b' }]])
  await one.next('progress')

  await at.sql(`insert into doc values (3, 'a'), (4, 'b')`)
  await one.until((changes) => changes.length > 0)
  await other.until((changes) => changes.length > 0)
  expect([told(one), told(other)]).toEqual([
    ['row_insert [3] {"id":3,"org":"a"}'],
    ['row_insert [4] {"id":4,"org":"b"}'],
  ])

  const before = one.messages.length
  expect(await one.request('authenticate', { auth: { org: 'b' } })).toMatchObject({ ok: true })
  const fresh = await one.next('snapshot', (m) => m.done, before)
  expect(fresh.rows.map(([key]) => key)).toEqual(['[2]', '[4]'])
  await at.sql(`insert into doc values (5, 'a'), (6, 'b')`)
  await one.until((changes) => changes.some(({ key }) => key === '[6]'))
  expect(JSON.stringify(one.messages.slice(before))).not.toContain('"org":"a"')
})

test('what is written after a right has been taken away is not told by that right, however soon', async () => {
  await at.sql(`
    create table plain (id int primary key, body text); create table policed (id int primary key, body text);
    alter table policed enable row level security; create policy all_rows on policed using (true);
    grant select on plain, policed to ${at.role};
    insert into plain values (1, 'before'); insert into policed values (1, 'before');
    select event.track('plain'), event.track('policed')`)
  await using witness = await at.follow('ann')
  await using ann = await at.follow('ann', { kind: 'table', relation: 'plain' })
  await ann.subscribe({ kind: 'table', relation: 'policed' })
  await ann.next('snapshot', (m) => m.subscription.includes('policed'))
  await ann.next('progress')
  for (let n = 0; n < 4; n++) {
    await at.sql(`update plain set body = 'seen ${n}'; update policed set body = 'seen ${n}'`)
    await at.sql(`revoke select on plain from ${at.role}; alter policy all_rows on policed using (false)`)
    await at.sql(`update plain set body = 'secret'; update policed set body = 'secret'`)
    await at.sql(
      `insert into plain values (${n + 2}, 'secret'); insert into policed values (${n + 2}, 'secret')`,
    )
    await ann.next('ended', (m) => m.subscription.includes('plain'))
    await ann.until((changes) =>
      changes.some(({ op, relation }) => op === 'row_delete' && relation === 'public.policed'),
    )
    expect(JSON.stringify(ann.messages)).not.toContain('secret')
    // Before it may be read again there is no secret any more.
    await at.sql(`delete from plain where id > 1; delete from policed where id > 1`)
    await at.sql(`update plain set body = 'before'; update policed set body = 'before'`)
    await settled(witness)
    ann.messages.length = 0
    await at.sql(`grant select on plain to ${at.role}; alter policy all_rows on policed using (true)`)
    await ann.until((changes) =>
      changes.some(({ op, relation }) => op === 'row_insert' && relation === 'public.policed'),
    )
    await ann.subscribe({ kind: 'table', relation: 'plain' })
    await ann.next('snapshot', (m) => m.subscription.includes('plain'))
  }
})

test('whom a policy refuses a row that he does not ask for ends nobody, nor is he ended', async () => {
  await at.sql(`
    create table paper (id int primary key, kind text, org int); alter table paper enable row level security;
    create policy of_org on paper using (
      case when kind = 'org' then org = (current_setting('request.jwt.claims', true)::json ->> 'sub')::int else true end);
    grant select on paper to ${at.role};
    insert into paper values (5, 'all', 2), (9, 'org', 2); select event.track('paper')`)
  await using good = await at.follow('1', { kind: 'table', relation: 'paper' })
  await using bad = await at.follow('no number', { kind: 'row', relation: 'paper', key: [5] })
  expect([good.keys, bad.keys]).toEqual([['[5]'], ['[5]']])
  await at.sql(`update paper set org = 1`)
  for (const socket of [good, bad])
    await socket.until((changes) => changes.some(({ op, key }) => op === 'field_update' && key === '[5]'))
  await good.until((changes) => changes.some(({ op, key }) => op === 'row_insert' && key === '[9]'))
  await at.sql(`update paper set org = 3`)
  await good.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[9]'))
  for (const socket of [good, bad])
    expect(socket.messages.filter(({ event }) => event === 'ended')).toEqual([])
})

test('a policy that says something else each time it is asked keeps nobody else waiting', async () => {
  await at.sql(`
    create table lot (id int primary key); alter table lot enable row level security;
    create policy drawn on lot using (random() < 0.5); create table other (id int primary key);
    grant select on lot, other to ${at.role};
    insert into lot select n from generate_series(1, 20) as n; select event.track('lot'), event.track('other')`)
  await using ann = await at.follow('ann', { kind: 'table', relation: 'lot' })
  await using bob = await at.follow('bob', { kind: 'table', relation: 'other' })
  for (let id = 1; id <= 3; id++) {
    await ann.next('batch', () => true, ann.messages.length) // who draws is asked again every now and then
    await at.sql(`insert into other values (${id})`)
    await bob.until((changes) => changes.some(({ key }) => key === `[${id}]`))
  }
})

test('who joins others, while who sees what is about to be asked again, is told of what goes', async () => {
  await at.sql(`
    create table untold (note int primary key); create table leaf (id int primary key);
    alter table leaf enable row level security;
    create policy listed on leaf using (id in (select u.note from untold as u));
    grant select on leaf, untold to ${at.role};
    insert into leaf values (1), (2); insert into untold values (1); select event.track('leaf')`)
  await using first = await at.follow('ann', { kind: 'table', relation: 'leaf' })
  expect(first.keys).toEqual(['[1]'])
  for (let n = 0; n < 4; n++) {
    await at.sql('insert into untold values (2)')
    await using second = await at.follow('ann', { kind: 'table', relation: 'leaf' })
    expect(second.keys).toEqual(['[1]', '[2]'])
    await at.sql('delete from untold where note = 2')
    await second.until((changes) => changes.some(({ op, key }) => op === 'row_delete' && key === '[2]'))
  }
})

test("who follows a partitioned table is shown what its own policies show, whatever its partitions' are", async () => {
  await at.sql(`
    create table post (id int, year int, owner text, body text, primary key (year, id)) partition by list (year);
    create table post_old partition of post for values in (2019, 2020);
    create table post_new partition of post for values in (2021, 2022) partition by list (year);
    create table post_2021 partition of post_new for values in (2021);
    create table post_2022 partition of post_new for values in (2022);
    alter table post enable row level security;
    create policy mine on post using (owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
    alter table post_old enable row level security; alter table post_old force row level security;
    alter table post_new enable row level security;
    create policy all_rows on post_new using (true);
    alter table post_2022 enable row level security;
    create policy all_rows on post_2022 using (true);
    grant select on post to ${at.role};
    insert into post values (1, 2020, 'ann', ''), (2, 2021, 'bob', ''), (3, 2022, 'ann', '');
    select event.track('post')`)
  const subscriptions: Subscription[] = [
    { kind: 'table', relation: 'post' },
    { kind: 'table', relation: 'post', where: { column: 'year', op: 'gt', value: 2000 } },
    { kind: 'table', relation: 'post', orderBy: [{ column: 'id', direction: 'asc' }], limit: 50 },
  ]
  for (const subscription of subscriptions) {
    await using ann = await at.follow('ann', subscription)
    await using bob = await at.follow('bob', subscription)
    expect([ann.keys.toSorted(), bob.keys]).toEqual([['[2020,1]', '[2022,3]'], ['[2021,2]']])
    const toldOf = async (sql: string, ...more: string[]) => {
      const before = [ann, bob].map((socket) => told(socket).length)
      await at.sql(`begin; ${sql}; commit`)
      for (const each of more) await at.sql(each)
      for (const [op, sync] of [
        ['row_insert', `insert into post values (9, 2020, 'ann', ''), (9, 2021, 'bob', '')`],
        ['row_delete', 'delete from post where id = 9'],
      ]) {
        await at.sql(sync ?? '')
        for (const socket of [ann, bob])
          await socket.until((changes) =>
            changes.some((change) => change.op === op && change.key.endsWith(',9]')),
          )
      }
      const shown = [ann, bob].map((socket, n) =>
        told(socket)
          .slice(before[n])
          .map((text) => text.split(' ').slice(0, 2).join(' '))
          .filter((text) => !text.endsWith(',9]')),
      )
      for (const socket of [ann, bob]) socket.messages.length = 0
      return shown
    }
    expect(await toldOf(`insert into post values (4, 2019, 'ann', ''), (5, 2022, 'bob', '')`)).toEqual([
      ['row_insert [2019,4]'],
      ['row_insert [2022,5]'],
    ])
    // Written to a partition itself.
    expect(await toldOf(`update post_2022 set owner = 'bob' where id = 3`)).toEqual([
      ['row_delete [2022,3]'],
      ['row_insert [2022,3]'],
    ])
    // To another partition, to another one with another owner, and there and back.
    expect(await toldOf(`update post set year = 2022 where id = 4`)).toEqual([
      ['row_delete [2019,4]', 'row_insert [2022,4]'],
      [],
    ])
    expect(await toldOf(`update post set year = 2021, owner = 'bob' where id = 4`)).toEqual([
      ['row_delete [2022,4]'],
      ['row_insert [2021,4]'],
    ])
    expect(
      await toldOf(
        `update post set year = 2020, body = 'moved' where id = 2; update post set year = 2021 where id = 2`,
      ),
    ).toEqual([[], ['row_delete [2021,2]', 'row_insert [2021,2]']])
    // What becomes of a partition's policies is nothing to them.
    expect(
      await toldOf(
        `alter table post_2021 enable row level security; drop policy all_rows on post_2022`,
        `update post set body = 'seen' where id = 5`,
      ),
    ).toEqual([[], ['field_update [2022,5]']])
    expect((await toldOf(`truncate post_2021`)).map((each) => each.toSorted())).toEqual([
      [],
      ['row_delete [2021,2]', 'row_delete [2021,4]'],
    ])
    await at.sql(`alter table post_2021 disable row level security; create policy all_rows on post_2022 using (true);
      truncate post; insert into post values (1, 2020, 'ann', ''), (2, 2021, 'bob', ''), (3, 2022, 'ann', '')`)
  }
})

test('a partition is not followed by itself', async () => {
  await at.sql(`
    create table visit (id int primary key) partition by list (id); create table visit_1 partition of visit for values in (1);
    grant select on visit, visit_1 to ${at.role}; select event.track('visit')`)
  await using ann = new TestSocket(at.server.url, { role: at.role, sub: 'ann' })
  await ann.attach()
  const followed = ann.subscribe({ kind: 'table', relation: 'visit_1' })
  await expect(followed).rejects.toThrow('visit_1 is not tracked')
  await expect(at.sql(`select event.track('visit_1')`)).rejects.toThrow('it is a partition')
})

test.each([
  [
    'a policy',
    'exists (select from guest_1 as g where g.party = room.party and g.person = my_name())',
    'room',
  ],
  [
    'the same of the partitioned table',
    'exists (select from guest as g where g.party = hall.party and g.person = my_name())',
    'hall',
  ],
  ['a function that a policy calls', 'is_guest(party)', 'lobby'],
])('whoever reads a partition reads it by the policies of the partition: %s', async (_, condition, table) => {
  await at.sql(`
    create function my_name() returns text language sql stable as
      $$ select current_setting('request.jwt.claims', true)::json ->> 'sub' $$;
    create table guest (party int, person text, status text, primary key (party, person)) partition by range (party);
    create table guest_1 partition of guest for values from (0) to (100);
    create table guest_2 partition of guest for values from (100) to (200);
    create function is_guest(of_party int) returns boolean language plpgsql stable as $$
    begin return exists (select from public.guest_1 as g where g.party = of_party and g.person = my_name()); end $$;
    alter table guest enable row level security; create policy any_one on guest using (status <> 'gone');
    alter table guest_1 enable row level security; create policy comes on guest_1 using (status = 'comes');
    create table ${table} (id int primary key, party int); alter table ${table} enable row level security;
    create policy guests on ${table} using (${condition});
    grant select on ${table}, guest, guest_1 to ${at.role};
    insert into guest values (1, 'ann', 'comes'), (2, 'ann', 'late'), (3, 'ann', 'gone'), (101, 'ann', 'comes'), (1, 'bob', 'comes');
    insert into ${table} values (1, 1), (2, 2), (3, 3), (101, 101);
    select event.track('${table}'), event.track('guest')`)
  await using ann = await at.follow('ann', { kind: 'table', relation: table })
  const shownToAnn = async () => {
    await at.sql(`begin; set local role ${at.role}; set local request.jwt.claims = '{"sub":"ann"}'`)
    const { rows } = await at.sql(`select id from ${table} order by id`)
    await at.sql('rollback')
    return rows.map(({ id }) => `[${id}]`)
  }
  const held = new Set(ann.keys)
  let taken = 0
  const holds = async () => {
    const expected = await shownToAnn()
    await ann.until((changes) => {
      for (const { op, key } of changes.slice(taken))
        if (op === 'row_delete') held.delete(key)
        else held.add(key)
      taken = changes.length
      return JSON.stringify([...held].toSorted()) === JSON.stringify(expected.toSorted())
    })
    return expected
  }
  const seen = [await holds()]
  for (const sql of [
    `insert into guest values (3, 'bob', 'comes')`,
    `update guest set status = 'comes' where person = 'ann' and party < 100`,
    `update guest_1 set status = 'late' where party = 2`,
    `delete from guest_1 where party = 1 and person = 'ann'`,
    `update guest set party = 1 where party = 101`,
    `update guest set party = 101 where party = 1 and person = 'ann'`,
    `alter policy comes on guest_1 using (status <> 'gone')`,
    `alter table guest_1 disable row level security`,
    `alter policy any_one on guest using (false)`,
    `update guest_1 set party = 50 where person = 'ann' and party = 2`,
    `alter table guest detach partition guest_1`,
    `insert into guest_1 values (1, 'ann', 'comes')`,
    `truncate guest_1`,
  ]) {
    await at.sql(sql)
    seen.push(await holds())
  }
  expect(seen.map((keys) => keys.length)).toEqual(
    table === 'hall'
      ? [3, 3, 4, 4, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0]
      : [1, 1, 3, 2, 1, 2, 1, 2, 2, 2, 1, 1, 2, 0],
  )
  await at.sql(
    `drop table ${table}; drop table guest, guest_1; drop function is_guest; drop function my_name`,
  )
})
