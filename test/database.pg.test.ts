import { expect, test } from 'vitest'
import { createTestDatabase } from './database.ts'

test('each test database stands alone', async () => {
  await using first = await createTestDatabase()
  await using second = await createTestDatabase()
  const [one, two] = [await first.connect(), await second.connect()]
  await one.query('create table player (id text primary key)')

  const { rows } = await two.query(`select to_regclass('public.player') as found`)
  expect(rows).toEqual([{ found: null }])
})

test('a disposed database is gone, with its connections and roles', async () => {
  await using other = await createTestDatabase()
  let name: string, role: string
  {
    await using database = await createTestDatabase()
    name = database.name
    await database.connect()
    role = await database.createRole()
  }
  const client = await other.connect()
  const { rows } = await client.query(
    `select (select count(*)::int from pg_database where datname = $1) as databases,
            (select count(*)::int from pg_roles where rolname = $2) as roles`,
    [name, role],
  )
  expect(rows).toEqual([{ databases: 0, roles: 0 }])
})
