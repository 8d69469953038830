import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { readAs } from './read-as.ts'

test('a query is read as one identity after the other, planned once, and leaves nothing behind', async () => {
  await using database = await createTestDatabase()
  const role = await database.createRole('nologin')
  const client = await database.connect()
  await client.query(`
    create table note (id int primary key, owner text, body text);
    alter table note enable row level security;
    create policy own on note using (owner = (current_setting('request.jwt.claims', true)::json ->> 'sub'));
    grant select on note to ${role};
    insert into note values (1, 'ann', 'a'), (2, 'bob', 'b'), (3, 'ann', 'c')`)
  const select = {
    text: `select id::text as key, body as "row" from note where id >= (($1::text[])[1])::int order by id`,
    values: ['2'],
  }
  const claims = ['ann', 'bob', 'cid'].map((sub) => JSON.stringify({ sub }))
  await client.query('begin')
  expect(await readAs(client, { role, security: null }, claims, select)).toEqual([
    { place: 0, key: '3', row: 'c' },
    { place: 1, key: '2', row: 'b' },
  ])
  const { rows } = await client.query(
    `select current_user = session_user as "isItself", current_setting('request.jwt.claims', true) as claims,
            (select count(*)::int from pg_prepared_statements where not from_sql) as mine,
            (select count(*)::int from pg_prepared_statements where from_sql) as left`,
  )
  expect(rows).toEqual([{ isItself: true, claims: '', mine: 1, left: 0 }])
  await client.query('commit')
})

test('what failed for one identity is no obstacle to the next question', async () => {
  await using database = await createTestDatabase()
  const role = await database.createRole('nologin')
  const client = await database.connect()
  await client.query(`create table note (id int primary key); insert into note values (1)`)
  const select = { text: `select id::text as key, null::text as "row" from note`, values: [] }
  await client.query('begin')
  await expect(readAs(client, { role, security: null }, ['{}', '{}'], select)).rejects.toThrow(
    /permission denied/,
  )
  await client.query('rollback')
  await client.query(`grant select on note to ${role}`)
  await client.query('begin')
  expect(await readAs(client, { role, security: null }, ['{}'], select)).toEqual([
    { place: 0, key: '1', row: null },
  ])
  await client.query('rollback')
})
