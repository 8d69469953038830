import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { connectEncoding } from '../db/pool.ts'
import { readStates } from '../routing/catalogue.ts'
import { relationsRead } from './relations-read.ts'
import { readRowSecurity } from './row-security.ts'

let database: TestDatabase
let client: pg.Client
let role: string
let ids: Map<string, number>

beforeAll(async () => {
  database = await createTestDatabase()
  role = await database.createRole('nologin')
  client = await database.connect()
  await client.query(`
    create table note (id int primary key, owner text, team int, body text, folded text generated always as (lower(owner)) stored, secret text);
    create table member (team int, person text, role text, primary key (team, person));
    create table team (id int primary key, boss text);
    create table guild (id int primary key);
    create table plain (id int primary key);
    select event.track('note', "except" => array['secret']), event.track('member'), event.track('team'), event.track('guild');
    create view members as select * from member;
    create schema craft; create view craft.guilds as select * from guild;
    create function is_guild(team int) returns boolean language sql stable as $$ select exists (select from craft.guilds where id = team) $$;
    create materialized view kept as select * from member;
    create function me() returns text language sql stable as $$ select current_setting('request.jwt.claims', true)::json ->> 'sub' $$;
    create function is_mine(note) returns boolean language plpgsql as $$ begin return $1.owner = me(); end $$;
    create function when_i_like(n int) returns boolean language sql volatile as $$ select random() > n $$;
    create function likes(n int) returns boolean language plpgsql as $$ begin return when_i_like(n); end $$;
    create function made_up(n int) returns boolean language plpgsql as $$ declare age int; begin execute 'select 1' into age; return true; end $$;
    create function till(n int, at timestamptz default now()) returns boolean language plpgsql as $$ begin return true; end $$;
    create function fixed(n int) returns boolean language plpgsql as $$ declare age int; knowing text; begin return true; end $$;
    create view young as select team from member where person < current_date::text;
    create view younger as select team from young;
    alter table note enable row level security;
    grant select on note, member, team, guild, plain, members, kept to ${role};
    grant usage on schema craft to ${role}; grant select on craft.guilds to ${role}`)
  const { rows } = await client.query('select relation_name as name, id from event.tracked_relation')
  ids = new Map(rows.map(({ name, id }) => [name, id]))
})

afterAll(() => database[Symbol.asyncDispose]())

async function securityOf(policy: string, setUp = '') {
  await client.query(
    `drop policy if exists a on note; create policy a on note for select using (${policy}); ${setUp}`,
  )
  const { rows } = await client.query(`select 'note'::regclass::oid::int8::text as oid`)
  return readRowSecurity(client, Number(rows[0].oid), role)
}

/** A connection of this user's. */
async function connectAs(user: string) {
  const url = new URL(database.url)
  Object.assign(url, { username: user, password: 'it' })
  const client = await connectEncoding(url.href)
  return { client, [Symbol.asyncDispose]: () => client.end() }
}

const member = (columns: string[] | null, key: string | null) => [
  [
    'member',
    {
      columns: columns && new Set(columns),
      key: key === null ? null : expect.objectContaining({ column: key, claim: 0 }),
    },
  ],
]

/** In no log, as it is left out, and read by whoever may read any column. */
const secret = 'public.note.secret'

test.for<[policy: string, expected: Record<string, unknown>]>([
  ['owner = me()', { columns: ['owner'], claims: ['public.me()'], isOpaque: false }],
  ['true', { columns: [], claims: [] }],
  ['folded = me()', { columns: null, unobserved: [secret] }],
  ['secret = me()', { columns: ['secret'], unobserved: [secret] }],
  ['now() > $$2020-01-01$$ and owner = me()', { columns: ['owner'], unobserved: ['now()'] }],
  ['current_date > $$2020-01-01$$', { unobserved: ['current_date'] }],
  ['random() > 2', { columns: [], unobserved: ['random()'], isOpaque: false, claims: null }],
  [
    `pg_has_role('pg_monitor', 'member') and pg_has_role(current_user, owner, 'usage')`,
    { columns: ['owner'], unobserved: [] },
  ],
  [`pg_has_role(current_user, 'pg_monitor', 'member')`, { unobserved: [], claims: [expect.anything()] }],
  [`pg_has_role(owner, 'pg_monitor', 'member')`, { columns: ['owner'], unobserved: ['pg_has_role()'] }],
  [`pg_has_role(session_user, 'pg_monitor', 'member')`, { unobserved: ['pg_has_role()'], claims: null }],
  ['note is not null', { columns: null, isOpaque: false }],
  ['xmin is not null', { columns: null }],
  [
    'owner = me() and team in (select m.team from member as m except select 1)',
    { columns: ['owner', 'team'], dependencies: member(['team'], null), isOpaque: false, claims: null },
  ],
  ['is_mine(note)', { columns: null, isOpaque: true, claims: null }],
  [
    'when_i_like(team)',
    { columns: null, isOpaque: true, claims: null, unobserved: [secret, 'random in public.when_i_like()'] },
  ],
  ['likes(team)', { unobserved: [secret, 'random in public.when_i_like()'] }],
  ['made_up(team)', { unobserved: [secret, 'what is made up as it runs in public.made_up()'] }],
  ['till(team)', { unobserved: [secret, 'now in public.till()'] }],
  ['fixed(team)', { unobserved: [secret] }],
  ['team in (select team from younger)', { unobserved: [secret, 'current_date in public.young'] }],
  [
    'exists (select from plain where plain.id = note.id)',
    { columns: ['id'], unobserved: ['public.plain'], isOpaque: false },
  ],
  [
    'exists (select from kept where kept.team = note.team)',
    { columns: ['team'], unobserved: ['public.kept'], isOpaque: false },
  ],
  ['exists (select from members as m where m.team = note.team)', { columns: null, isOpaque: true }],
  [
    'exists (select from pg_roles where rolname = owner)',
    { unobserved: ['pg_catalog.pg_roles', secret], claims: null },
  ],
  [
    'team in (select m.team from member as m where m.person = me())',
    { columns: ['team'], dependencies: member(['team', 'person'], 'person') },
  ],
  [
    'team in (select m.team from member as m where m.person = current_user::text)',
    { dependencies: member(['team', 'person'], 'person') },
  ],
  [
    'team in (select m.team from member as m where m.role = me())',
    { dependencies: member(['team', 'role'], 'role') },
  ],
  [
    'team in (select m.team from member as m where lower(m.person) = me())',
    { dependencies: member(['team', 'person'], null) },
  ],
  [
    'team in (select m.team from member as m where m.person = me() or m.role is null)',
    { dependencies: member(['team', 'person', 'role'], null) },
  ],
  [
    'team in (select m.team from member as m where m.person = me()) or exists (select from member)',
    { dependencies: member(['team', 'person'], null) },
  ],
  [
    'team in (select m.team from member as m where m.person = me()) and not exists (select from member as m where m.person = me() and m.role is null)',
    { dependencies: member(['team', 'person', 'role'], 'person') },
  ],
])('of a policy it is known on what it depends: %s', async ([policy, expected]) => {
  const security = await securityOf(policy)
  const names = new Map([...ids].map(([name, id]) => [id, name]))
  expect({
    ...security,
    columns: security?.columns && [...security.columns].sort(),
    dependencies: [...(security?.dependencies ?? [])].map(([id, dependency]) => [names.get(id), dependency]),
  }).toMatchObject(expected)
})

test('the policies of what a policy reads count for those to whom they apply', async () => {
  const security = await securityOf(
    'exists (select from member as m where m.team = note.team)',
    `alter table member enable row level security; create policy a on member using (person = me() and team in (select id from team))`,
  )
  expect(security?.dependencies.get(ids.get('member') ?? 0)?.key).toMatchObject({
    column: 'person',
    place: 1,
  })
  expect([...(security?.dependencies.keys() ?? [])].sort()).toEqual(
    [ids.get('member'), ids.get('team')].sort(),
  )
  await client.query('alter table member disable row level security; drop policy a on member')
})

test('a relation whose policies call a function that reads it decides over itself', async () => {
  const note = ids.get('note') ?? 0
  expect((await securityOf('is_mine(note)'))?.dependencies.has(note)).toBe(false)
  await client.query(`create function my_teams() returns setof int language sql security definer as
    $$ select n.team from note as n where n.owner = me() $$`)
  expect((await securityOf('team in (select my_teams())'))?.dependencies.get(note)).toEqual({
    columns: null,
    key: null,
  })
  expect((await securityOf('owner = me()'))?.dependencies.has(note)).toBe(false)
  await client.query(`drop policy a on note; drop function my_teams()`)
})

test('there is none for whom no policy applies to: the owner, and whoever is exempt', async () => {
  const { rows } = await client.query(
    `select 'note'::regclass::oid::int8::text as oid, current_user as superuser`,
  )
  const [{ oid, superuser }] = rows
  const exempt = await database.createRole('nologin bypassrls')
  const owner = await database.createRole('nologin')
  expect(await readRowSecurity(client, Number(oid), superuser)).toBeNull()
  expect(await readRowSecurity(client, Number(oid), exempt)).toBeNull()
  await client.query(`grant create on schema public to ${owner}; alter table note owner to ${owner}`)
  expect(await readRowSecurity(client, Number(oid), owner)).toBeNull()
  await client.query('alter table note force row level security')
  expect(await readRowSecurity(client, Number(oid), owner)).not.toBeNull()
  await client.query(`alter table note no force row level security; alter table note owner to ${superuser};
    revoke create on schema public from ${owner}`)
})

test.for([
  'create policy b on note as restrictive using (id > 3)',
  'alter policy a on note using (owner is null)',
  'create policy a on team using (true)',
  'alter table member enable row level security',
  'alter table note force row level security',
  `create or replace function me() returns text language sql stable as $$ select 'somebody' $$`,
  'revoke select on member from the_role',
  'alter role the_role bypassrls',
  'alter table team alter column boss type varchar(20)',
  `select event.untrack('member')`,
  'create or replace view members as select * from member where false',
  'create or replace rule "_RETURN" as on select to members do instead select * from member where false',
  'alter view members set (security_barrier = true)',
  'create or replace view craft.guilds as select * from guild where false',
  'alter view craft.guilds owner to the_role',
  'alter table guild enable row level security',
  'revoke select on guild from the_role',
  'grant select (id) on guild to the_role',
  'revoke usage on schema craft from the_role',
])('what row security comes to changes with it: %s', async (statement) => {
  await securityOf(
    `is_guild(team) and team in (
      select m.team from member as m join team as t on t.id = m.team join members as also on also.team = m.team where m.person = me())`,
  )
  const note = ids.get('note') ?? 0
  const state = async () => (await readStates(client, [{ id: note, role }]))[0]
  const before = await state()
  await client.query('begin')
  const during = await client
    .query(statement.replaceAll('the_role', role))
    .then(state)
    .finally(() => client.query('rollback'))
  expect(during).not.toBe(before)
  expect(await state()).toBe(before)
})

test('it comes to changes with the roles by which the server reads, and not with others', async () => {
  await securityOf('owner = me()')
  const [group, owner, one, other] = [
    await database.createRole('nologin'),
    await database.createRole('nologin'),
    await database.createRole('nologin'),
    await database.createRole('nologin'),
  ]
  const note = ids.get('note') ?? 0
  const state = async () => (await readStates(client, [{ id: note, role }]))[0]
  const isAnotherAfter = async (statement: string) => {
    const before = await state()
    await client.query(statement)
    return (await state()) !== before
  }
  expect(
    await isAnotherAfter(`grant ${one} to ${other}; alter role ${other} bypassrls; create role ${one}_too`),
  ).toBe(false)
  expect(await isAnotherAfter(`drop role ${one}_too; grant ${group} to ${role}`)).toBe(true)
  expect(await isAnotherAfter(`alter role ${group} bypassrls`)).toBe(true)
  expect(await isAnotherAfter(`grant ${one} to ${owner}`)).toBe(false)
  await client.query(`create function looks() returns int language sql security definer as 'select 1'; grant create on schema public to ${owner};
    alter function looks() owner to ${owner}`)
  expect(await isAnotherAfter(`revoke ${one} from ${owner}`)).toBe(true)
  // Who keeps Rowcast's schemas is, from PostgreSQL 16 on, a member of each role that he creates.
  await client.query(`grant create on schema event to ${other};
    alter function event.ring() owner to ${other}; alter view event.session_list owner to ${other}`)
  expect(await isAnotherAfter(`grant ${group} to ${other}`)).toBe(false)
  await client.query(
    `revoke ${group} from ${role}; alter role ${group} nobypassrls; drop function looks; revoke create on schema public from ${owner}`,
  )
})

test.for<[statement: string, undo: string]>([
  ['alter role the_server nobypassrls', 'alter role the_server bypassrls'],
  ['revoke select on note from the_server', 'grant select on note to the_server'],
  ['revoke select on member from the_server', 'grant select on member to the_server'],
  ['revoke usage on schema public from public', 'grant usage on schema public to public'],
])('it comes to changes with what the server itself may read: %s', async ([statement, undo]) => {
  await securityOf('team in (select m.team from member as m where m.person = me())')
  const user = await database.createRole(`login password 'it' bypassrls`)
  await client.query(`select event.grant_server('${user}'); grant select on note, member to ${user}`)
  await using server = await connectAs(user)
  const note = ids.get('note') ?? 0
  const state = async () => (await readStates(server.client, [{ id: note, role }]))[0]
  const before = await state()
  await client.query(statement.replaceAll('the_server', user))
  expect(await state()).not.toBe(before)
  await client.query(undo.replaceAll('the_server', user))
})

test('a policy may read its own table by way of a policy of another', async () => {
  await client.query(`
    create function boss_sees(n int) returns boolean language plpgsql stable security definer as $$
      begin return exists (select from public.note where note.team = n); end $$;
    create function may_see_team(n int) returns boolean language plpgsql stable as $$
      begin return exists (select from public.team where team.id = n); end $$;
    create policy bosses on team using (boss_sees(id))`)
  const ofItself = async () =>
    (await securityOf('may_see_team(team)'))?.dependencies.has(ids.get('note') ?? 0)
  expect(await ofItself()).toBe(true)
  await client.query('drop policy bosses on team')
  expect(await ofItself()).toBe(false)
})

test('of a partition the log of its partitioned table tells', async () => {
  await client.query(`
    create table crew (ship int, sailor text, primary key (ship, sailor)) partition by range (ship);
    create table sailors_1 partition of crew for values from (0) to (100);
    create table sailors_2 partition of crew for values from (100) to (200) partition by range (ship);
    create table sailors_3 partition of sailors_2 for values from (100) to (200);
    create function mates() returns setof int language plpgsql stable security definer as $$
    begin return query select c.ship from public.sailors_3 as c where c.sailor = public.me(); end $$;
    alter table crew enable row level security;
    grant select on crew, sailors_1, sailors_3 to ${role};
    select event.track('crew')`)
  const { rows } = await client.query(
    `select id, oid::int8::text from event.tracked_relation where relation_name = 'crew'`,
  )
  const [{ id, oid }] = rows
  const aboard = (crew: string) => `team in (select c.ship from ${crew} as c where c.sailor = me())`
  const crew = { columns: new Set(['ship', 'sailor']), key: { column: 'sailor', place: 1, claim: 0 } }
  for (const name of ['sailors_1', 'sailors_3', 'crew']) {
    const { dependencies, unobserved, isOpaque } = (await securityOf(aboard(name))) ?? {}
    expect({ dependencies, unobserved, isOpaque }, name).toEqual({
      dependencies: new Map([[id, crew]]),
      unobserved: [],
      isOpaque: false,
    })
  }
  const both = await securityOf(`${aboard('sailors_1')} or ${aboard('sailors_3')}`)
  expect(both?.dependencies).toEqual(new Map([[id, { ...crew, key: null }]]))

  await client.query('create policy a on crew using (ship in (select mates()))')
  expect((await readRowSecurity(client, Number(oid), role))?.dependencies.get(id)).toEqual({
    columns: null,
    key: null,
  })
  await client.query(
    `drop policy a on crew; create policy a on crew using (ship in (select c.ship from sailors_1 as c))`,
  )
  expect((await readRowSecurity(client, Number(oid), role))?.dependencies.has(id)).toBe(true)
  await client.query('begin')
  await client.query('select from sailors_3')
  expect((await relationsRead(client)).map(({ name, trackedId }) => [name, trackedId])).toEqual([
    ['public.sailors_3', id],
  ])
  await client.query('rollback')
})
