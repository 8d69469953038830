import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { urlOfUser } from '../../test/server.ts'
import { check } from '../check/check.ts'
import { release } from '../release.ts'
import { ensureInstalled, readInstallation } from './installation.ts'
import { migrate } from './migrate.ts'

let database: TestDatabase
let owner: pg.Client
let role: string
let server: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  owner = await database.connect()
  role = await database.createRole(`login password 'secret'`)
  server = new pg.Client(urlOfUser(database.url, role, 'secret'))
  await server.connect()
})
afterAll(async () => {
  await server.end()
  await database[Symbol.asyncDispose]()
})

test('a role that was granted nothing is told what to do', async () => {
  await expect(ensureInstalled(server)).rejects.toThrow(
    `role ${role} may not run a Rowcast server on this database: run \`rowcast migrate --server-role ${role}\` as `,
  )
})

test('a role that was granted what a server needs goes on, and changes nothing', async () => {
  await owner.query('select event.grant_server($1)', [role])
  expect(await ensureInstalled(server)).toMatchObject({
    state: 'current',
    isServer: true,
    isOwner: false,
    user: role,
  })
})

test('where the schemas are out of date, it says who can bring them up to date', async () => {
  await owner.query(`update event.installation set digest = 'of an older release'`)
  await expect(ensureInstalled(server)).rejects.toThrow(
    `role ${role} may not change them: run \`rowcast migrate\` as `,
  )
  await ensureInstalled(owner)
  expect(await readInstallation(server)).toMatchObject({ state: 'current', release })
})

test('what a newer release has brought is left alone, by the owner too', async () => {
  await owner.query(`update event.installation set digest = 'of a newer release', release = '999.0.0'`)
  for (const client of [server, owner])
    expect(await ensureInstalled(client)).toMatchObject({ state: 'newer', release: '999.0.0' })
  await migrate(owner)
})

test('what a migration brings is granted to those who run servers', async () => {
  await owner.query(
    `revoke execute on function event.bell_take() from ${role}; revoke select on event.retention from ${role}`,
  )
  await expect(server.query('select event.bell_take()')).rejects.toThrow('permission denied')
  await migrate(owner)
  expect((await server.query('select max_age from event.retention')).rows).toHaveLength(1)
  await server.query('select event.bell_take()')
})

test('what the guide says of roles makes a server that is ready', async () => {
  const guide = await readFile(new URL('../../docs/guide.md', import.meta.url), 'utf8')
  const blocks = [...guide.matchAll(/^```sql title="roles"\n(.*?)^```$/gms)].map(([, sql = '']) => sql)
  expect(blocks).toHaveLength(2)
  const [as, user] = [`${role}_guide`, `${role}_user`]
  await owner.query(`create table message (id int primary key, body text); select event.track('message');
    create role ${as} login noinherit; select event.grant_server('${as}')`)
  const client = new pg.Client(urlOfUser(database.url, as, 'choose one'))
  try {
    for (const sql of blocks)
      await owner.query(sql.replaceAll('rowcast_server', as).replaceAll('app_user', user))
    await client.connect()
    expect(await ensureInstalled(client)).toMatchObject({ state: 'current', isServer: true })
    expect((await check(client, [user])).filter(({ state }) => state !== 'ok')).toEqual([])
    await client.query(`set role ${user}; select from message`)
  } finally {
    await client.end()
    await owner.query(`drop owned by ${as}, ${user}; drop role ${as}; drop role ${user}`)
  }
})

test('only the owner of the schemas lets a role run servers, and only one that exists', async () => {
  await expect(server.query('select event.grant_server($1)', [role])).rejects.toThrow('permission denied')
  await expect(owner.query(`select event.grant_server('nobody_at_all')`)).rejects.toThrow(
    'role nobody_at_all does not exist',
  )
})

test('of what a server needs nothing is missing, and it may read neither the change log nor tables', async () => {
  await owner.query(
    `create table secret (id int primary key); select event.track('secret'); insert into secret values (1)`,
  )
  const { rows } = await server.query('select object from event.server_grants()')
  expect(rows.length).toBeGreaterThan(20)
  for (const denied of ['select from event.change', 'select from event.change_0', 'select from secret'])
    await expect(server.query(denied), denied).rejects.toThrow('permission denied')
  for (const denied of [
    `select event.retain(null, null)`,
    'select event.adopt_log()',
    'truncate event.session',
    'create table event.mine (id int)',
  ])
    await expect(server.query(denied), denied).rejects.toThrow(/permission denied/)
})

test('everybody may call what serves to track, to follow in SQL and to name rows, and nothing else', async () => {
  const { rows } = await owner.query<{ name: string }>(
    `select distinct p.proname as name
       from pg_proc as p
      cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as g
      where p.pronamespace = 'event'::regnamespace and g.grantee = 0 and p.proname !~ '^capture_\\d'
      order by 1`,
  )
  expect(rows.map(({ name }) => name)).toEqual(
    [
      // tracking
      ...['track', 'untrack', 'check_trackable', 'grant_schema_usage', 'partitions', 'keeper'],
      ...['columns_to_except', 'excepted_columns'],
      ...['make_capture', 'register_capture', 'drop_capture', 'refresh_capture'],
      // capture, in the transactions of those who write
      ...['open_statement', 'actor', 'ring', 'bell_key', 'float_text', 'json_array', 'shape'],
      // what rows and keys look like
      ...[
        'row_expression',
        'field_expression',
        'key_expression',
        'key_columns',
        'resolve_key',
        'named_relation',
      ],
      // sessions, which look themselves who calls
      ...[
        'session_create',
        'session_attach',
        'session_detach',
        'session_delete',
        'session_grant',
        'session_revoke',
      ],
      ...['subscribe_table', 'subscribe_column', 'subscribe_row', 'subscribe_field', 'unsubscribe'],
      ...['inbox', 'ack', 'add_subscription', 'subscribe_to_key', 'require_subscribable'],
      // and their views
      ...['is_keeper', 'is_running', 'may_use', 'caller'],
      // upkeep
      ...['epoch', 'tend_log'],
    ].toSorted(),
  )
  const { rows: tables } = await owner.query(
    `select c.relname as name, g.privilege_type as privilege
       from pg_class as c cross join aclexplode(c.relacl) as g
      where c.relnamespace in ('event'::regnamespace, 'meta'::regnamespace) and g.grantee = 0
      order by 1`,
  )
  expect(tables).toEqual([
    { name: 'session_list', privilege: 'SELECT' },
    { name: 'session_subscription', privilege: 'SELECT' },
  ])
})

// An empty one would not do: then PostgreSQL looks for relations among the temporary ones first, which anybody may make.
test('a security definer function pins its search_path, and those that it calls loosen nothing', async () => {
  const { rows } = await owner.query(
    `select p.oid::regprocedure::text as name from pg_proc as p
       left join unnest(p.proconfig) as c (setting) on c.setting like 'search_path=%'
      where p.pronamespace in ('event'::regnamespace, 'meta'::regnamespace)
        and (p.prosecdef or c.setting is not null) and c.setting is distinct from 'search_path=pg_catalog, pg_temp'`,
  )
  expect(rows).toEqual([])
})

test('nobody gets code of his own to run with the rights of the owner, by temporary relations named like the catalogue', async () => {
  const stranger = await database.createRole('nologin')
  const client = await database.connect()
  const caught = new Set<string>()
  client.on('notice', ({ message = '' }) => message.startsWith('read as ') && caught.add(message.slice(8)))
  await owner.query(`create table bait (id int primary key, name text); select event.track('bait');
    grant select, insert, update, delete, truncate on bait to ${stranger}`)
  // For each relation of the catalogue, a view that is as good, and notes as whom it is read.
  await client.query(`set role ${stranger};
    create function pg_temp.note() returns boolean language plpgsql as
      $$ begin raise notice 'read as %', current_user; return true; end $$; select pg_temp.note()`)
  expect([...caught]).toEqual([stranger])
  const { rows } = await client.query<{ name: string }>(
    `select relname as name from pg_catalog.pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v')`,
  )
  for (const { name } of rows)
    await client
      .query(`create view pg_temp."${name}" as select * from pg_catalog."${name}" where pg_temp.note()`)
      .catch(() => undefined) // pseudo-types
  const { rows: callable } = await owner.query<{ call: string }>(
    `select format('select * from event.%I(%s)', p.proname, (
        select string_agg(case t.oid when 'regclass'::regtype then '''public.bait''' when 'oid'::regtype then '''public.bait''::regclass'
          when 'uuid'::regtype then '''00000000-0000-0000-0000-000000000000''' when 'integer'::regtype then '1' when 'text'::regtype then '''id'''
          when 'text[]'::regtype then '''{name}''' when 'boolean'::regtype then 'true' when 'jsonb'::regtype then '''[1]''' else 'null' end
          || '::' || t.oid::regtype, ', ' order by a.place)
        from unnest(p.proargtypes) with ordinality as a (type, place) join pg_type as t on t.oid = a.type)) as call
       from pg_proc as p
      where p.pronamespace = 'event'::regnamespace and p.prokind = 'f' and p.prorettype not in ('trigger'::regtype)
        and has_function_privilege($1, p.oid, 'execute')`,
    [stranger],
  )
  expect(callable.length).toBeGreaterThan(40)
  const calls = [
    ...callable.map(({ call }) => call),
    'select event.session_attach(event.session_create())',
    `select event.subscribe_table(id, 'bait') from event.session_list`,
    `insert into bait values (1, 'a'), (2, 'b')`,
    `update bait set name = 'c'`,
    'select event.inbox(id) from event.session_list',
    'delete from bait where id = 1',
    'truncate bait',
  ]
  for (const call of calls) await client.query(call).catch(() => undefined)
  expect([...caught]).toEqual([stranger])
})

test('nor by casts of his own types, whose values are logged', async () => {
  const stranger = await database.createRole('nologin')
  const client = await database.connect()
  const caught = new Set<string>()
  client.on('notice', ({ message = '' }) => message.startsWith('cast as ') && caught.add(message.slice(8)))
  await owner.query(`create schema theirs authorization ${stranger}`)
  await client.query(`set role ${stranger}; set search_path = theirs;
    create type mood as enum ('glad', 'sad'); create domain feeling as mood; create type span as range (subtype = int4);
    create type pair as (a int, b mood);
    create table thing (id mood primary key, feeling feeling, span span, pair pair, moods mood[], spans span[], feelings feeling[]);
    create function note() returns text language plpgsql as $$ begin raise notice 'cast as %', current_user; return 'x'; end $$`)
  for (const type of ['mood', 'span', 'pair'])
    await client.query(`create function ${type}_text(${type}) returns text language sql as 'select theirs.note()';
      create function ${type}_json(${type}) returns json language sql as 'select to_json(theirs.note())';
      create cast (${type} as text) with function ${type}_text(${type}); create cast (${type} as json) with function ${type}_json(${type})`)
  await client.query(`select event.track('thing'); select 'sad'::mood::text`)
  expect([...caught]).toEqual([stranger])
  await client.query(`
    insert into thing values ('glad', 'sad', '[1,2)', row(1, 'sad'), '{glad,sad}', '{"[1,3)"}', '{sad}');
    update thing set feeling = 'glad', span = '[1,4)', moods = '{sad}'; update thing set id = 'sad'; truncate thing`)
  expect([...caught]).toEqual([stranger])
  const { rows } = await owner.query(
    `select c.new from event.change as c join event.tracked_relation as r on r.id = c.relation_id
      where r.relation_name = 'thing' order by c.seq limit 2`,
  )
  expect(rows.map((row) => row.new)).toEqual([
    {
      id: 'glad',
      feeling: 'sad',
      span: '[1,2)',
      pair: { a: 1, b: 'sad' },
      moods: ['glad', 'sad'],
      spans: ['[1,3)'],
      feelings: ['sad'],
    },
    { feeling: 'glad', span: '[1,4)', moods: ['sad'] },
  ])
})
