import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { createEncodingPool } from '../db/pool.ts'
import { define } from '../routing/definition.ts'
import { readEachShown, readShown } from '../routing/shown.ts'
import { readSnapshot, readSnapshots } from './read-snapshot.ts'

const limits = { rowsPerSubscription: 100, bytesPerSubscription: 10_000, queryMs: 1_000 }

const x = (value: number): Subscription & { kind: 'table' } => ({
  kind: 'table',
  relation: 'a',
  where: { column: 'x', op: 'eq', value },
})
const subscriptions: Subscription[] = [
  { kind: 'row', relation: 'a', key: ['1.00'] },
  { kind: 'row', relation: 'a', key: ['1.0'] }, // equal in SQL: another name of the same row
  { kind: 'row', relation: 'a', key: ['9'] },
  { kind: 'field', relation: 'a', key: ['1.00'], column: 'text' },
  { kind: 'field', relation: 'a', key: ['2.5'], column: 'x' },
  x(5),
  x(6),
  { ...x(5), orderBy: [{ column: 'text', direction: 'desc' }], limit: 2 },
  {
    ...x(5),
    where: {
      and: [
        { column: 'x', op: 'eq', value: 5 },
        { column: 'text', op: 'like', value: 'b%' },
      ],
    },
  },
]

test('what several subscriptions show is read in one question, as each by itself', async () => {
  await using database = await createTestDatabase()
  const admin = await database.connect()
  await admin.query(`create table a (id numeric primary key, x int, text text); select event.track('a');
    insert into a values (1.00, 5, 'a'), (2.5, 6, 'b"c'), (3, 5, 'b'), (4, 5, 'c')`)
  const pool = createEncodingPool(database.url, 1)
  try {
    const { rows } = await pool.query<{ role: string }>('select current_user as role')
    const identity = { role: rows[0]?.role ?? '', claims: {} }
    const definitions = []
    for (const subscription of subscriptions) definitions.push(await define(pool, subscription, identity))
    const client = await pool.connect()
    try {
      await client.query('begin')
      const alone: string[][] = []
      const shownAlone: string[][] = []
      for (const definition of definitions) {
        const texts: string[] = []
        for await (const piece of readSnapshot(client, definition, limits)) texts.push(...piece.rows)
        alone.push(texts)
        const [shown = new Set()] = await readShown(client, [definition])
        shownAlone.push([...shown])
      }
      expect(alone.map((texts) => texts.length)).toEqual([1, 1, 0, 1, 1, 3, 1, 2, 1])
      expect(await readSnapshots(client, definitions, limits)).toEqual(alone)
      const together = await readEachShown(client, definitions, 100)
      expect(together.map((keys) => [...keys])).toEqual(shownAlone)
      const bounded = await readEachShown(client, definitions, 1)
      expect(
        bounded.map(({ size }) => size),
        'one more than there may be says that there are more',
      ).toEqual([1, 1, 0, 1, 1, 2, 1, 2, 1])
    } finally {
      client.release(true)
    }
  } finally {
    await pool.end()
  }
})
