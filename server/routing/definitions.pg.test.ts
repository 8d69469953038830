import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { createEncodingPool } from '../db/pool.ts'
import { Definitions } from './definitions.ts'

test('filters that differ in their values only are tried out once', async () => {
  await using database = await createTestDatabase()
  const admin = await database.connect()
  await admin.query(`create table a (id int primary key, x int, text text); select event.track('a')`)
  const pool = createEncodingPool(database.url, 1)
  const asked: string[] = []
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown
    Object.assign(client, {
      query: (...args: unknown[]) => {
        asked.push(JSON.stringify(args[0]))
        return query(...args)
      },
    })
  })
  try {
    const { rows } = await pool.query<{ role: string }>('select current_user as role')
    const identity = { role: rows[0]?.role ?? '', claims: {} }
    const definitions = new Definitions(pool)
    const filters = [
      { column: 'x', op: 'eq', value: 1 },
      { column: 'x', op: 'eq', value: 2 },
      { column: 'text', op: 'like', value: 'a%' },
    ] as const
    const defined = await Promise.all(
      filters.map((where) =>
        definitions.define({ kind: 'table', relation: 'a', where } satisfies Subscription, identity),
      ),
    )
    expect(new Set(defined.map(({ id }) => id)).size).toBe(3)
    expect(asked.filter((text) => text.includes('explain'))).toHaveLength(2)
  } finally {
    await pool.end()
  }
})
