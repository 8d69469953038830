import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { fetchPieces } from './fetch-pieces.ts'

const bounds = { maxRows: 100, maxBytes: 1_000_000 }

function piecesOf(client: pg.ClientBase, expression: string, rows: number) {
  const text = `select ${expression} as n from generate_series(1, $1::int) as n`
  return fetchPieces<{ n: number }>(client, { name: 'pieces', text, values: [rows] }, () => 1, bounds)
}

test('all rows come in their order, in pieces of which the last is marked', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query('begin')
  for (const count of [0, 99, 100, 250]) {
    const numbers: number[] = []
    const marks: boolean[] = []
    for await (const { rows, isLast } of piecesOf(client, 'n', count)) {
      numbers.push(...rows.map(({ n }) => n))
      marks.push(isLast)
    }
    expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i + 1))
    expect(marks).toEqual([...marks.slice(1).map(() => false), true])
  }
})

test('who leaves early goes on with the transaction, and may read the same again', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query('begin')
  for (let i = 0; i < 2; i++)
    for await (const { rows } of piecesOf(client, 'n', 1_000)) if (rows.length > 0) break
  expect((await client.query('select count(*)::int as open from pg_cursors')).rows).toEqual([{ open: 0 }])
})

test('what fails while a piece is handed on is told when the next is asked for', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query('begin')
  const pieces = piecesOf(client, '1 / (150 - n)', 1_000)
  expect((await pieces.next()).value?.rows).toHaveLength(100)
  await sleep(50)
  await expect(pieces.next()).rejects.toThrow('division by zero')
})
