import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { createEncodingPool } from '../db/pool.ts'
import { readRelation } from './catalogue.ts'
import { RelationStates } from './relation-states.ts'

let database: TestDatabase
let client: pg.Client
let pool: pg.Pool
let role: string

beforeAll(async () => {
  database = await createTestDatabase()
  role = await database.createRole('nologin')
  client = await database.connect()
  pool = createEncodingPool(database.url, 1)
  await client.query(`
    create table member (team int, person text, primary key (team, person));
    create view members as select * from member;
    create function me() returns text language sql stable as $$ select current_user::text $$;
    create table note (id int primary key, team int); alter table note enable row level security;
    create policy a on note using (team in (select m.team from members as m where m.person = me()));
    grant select on note, member, members to ${role};
    select event.track('note'), event.track('member')`)
})

afterAll(async () => {
  await pool.end()
  await database[Symbol.asyncDispose]()
})

test.for([
  'alter table note add column body text',
  'alter table note rename to memo',
  'revoke select on note from the_role',
  'alter table note disable row level security',
  'alter policy a on note using (true)',
  'create policy b on note as restrictive using (id > 3)',
  'create or replace view members as select * from member where false',
  'create or replace rule "_RETURN" as on select to members do instead select * from member where false',
  'alter view members set (security_barrier = true)',
  `create or replace function me() returns text language sql stable as $$ select 'ann' $$`,
  'grant pg_monitor to the_role',
  'alter role the_role bypassrls',
])('what is another thing to a role is found with the next batch: %s', async (statement) => {
  const relation = await readRelation(pool, 'note', null, { role, claims: {} })
  const states = new RelationStates()
  expect(await states.outdated(client, [relation])).toEqual([])
  await client.query('begin')
  const outdated = await client
    .query(statement.replaceAll('the_role', role))
    .then(() => states.outdated(client, [relation]))
    .finally(() => client.query('rollback'))
  expect(outdated).toEqual([relation])
  expect(await states.outdated(client, [relation])).toEqual([])
})
