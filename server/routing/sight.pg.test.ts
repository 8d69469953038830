import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { createEncodingPool } from '../db/pool.ts'
import { readRelation } from './catalogue.ts'
import { sightsOf } from './sight.ts'

let database: TestDatabase
let pool: pg.Pool
let role: string

beforeAll(async () => {
  database = await createTestDatabase()
  role = await database.createRole('nologin')
  const admin = await database.connect()
  await admin.query(`
    create table message (id int primary key, owner int);
    alter table message enable row level security;
    create policy owner on message using (owner = (current_setting('request.jwt.claims', true)::json ->> 'sub')::int);
    select event.track('message');
    grant select on message to ${role}`)
  pool = createEncodingPool(database.url, 1)
})
afterAll(async () => {
  await pool.end()
  await database[Symbol.asyncDispose]()
})

async function valuesOf(...claims: Record<string, unknown>[]): Promise<unknown> {
  const relation = await readRelation(pool, 'message', null, { role, claims: {} })
  const sights = await sightsOf(
    pool,
    relation,
    claims.map((claims) => ({ role, claims })),
  )
  return sights.map(({ values }) => values)
}

test('those have one sight whose claims have one value, as PostgreSQL reads them', async () => {
  expect(await valuesOf({ sub: '7', name: 'ann' }, { sub: ' 07', name: 'bob' }, { name: 'cid' })).toEqual([
    ['7'],
    ['7'],
    [null],
  ])
  expect(await valuesOf({ sub: 8 })).toEqual([['8']])
})

test('claims of which PostgreSQL makes no values are told from the others', async () => {
  expect(await valuesOf({ sub: '7' }, { sub: 'seven' })).toEqual([['7'], null])
})
