import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import type { PieceBounds } from '../db/fetch-pieces.ts'
import { readLog, type LogTransaction } from './read-log.ts'
import { streamLog } from './stream-log.ts'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = await database.connect()
  await client.query(`create table t (id int primary key, body text); create table u (id int primary key);
    select event.track('t'), event.track('u')`)
})
afterAll(() => database[Symbol.asyncDispose]())

async function snapshot(): Promise<string> {
  return (await client.query('select pg_current_snapshot()::text as now')).rows[0].now
}

async function stream(
  from: string,
  relationIds: readonly number[],
  bounds: Partial<PieceBounds>,
): Promise<LogTransaction[][]> {
  await client.query('begin isolation level repeatable read read only')
  const pieces: LogTransaction[][] = []
  for await (const piece of streamLog(client, from, await snapshot(), relationIds, bounds)) pieces.push(piece)
  await client.query('commit')
  return pieces
}

/** Puts the pieces of each transaction together. */
function join(pieces: readonly LogTransaction[][]): LogTransaction[] {
  const whole: LogTransaction[] = []
  for (const piece of pieces.flat())
    if (whole.at(-1)?.id === piece.id) whole.at(-1)?.rows.push(...piece.rows)
    else whole.push({ ...piece, rows: [...piece.rows] })
  return whole
}

test('what is streamed is what is read, however large the pieces, with transactions interleaved', async () => {
  const from = await snapshot()
  const [one, two] = [await database.connect(), await database.connect()]
  await one.query('begin; insert into t select i from generate_series(1, 700) as i')
  await two.query(
    'begin; insert into t select i from generate_series(1001, 1900) as i; insert into u values (1)',
  )
  await one.query(`update t set body = 'x' where id <= 700; commit`)
  await client.query(`insert into t values (5000)`)
  await two.query('delete from t where id > 1800 and id <= 1900; commit')
  const { transactions: all } = await readLog(client, from, await snapshot(), [1, 2])
  expect(all.map(({ rows }) => rows.length)).toEqual([1400, 1, 1001])
  for (const maxRows of [1, 7, 500, 10_000]) {
    const pieces = await stream(from, [1, 2], { maxRows })
    expect(join(pieces)).toEqual(all)
    for (const piece of pieces)
      expect(piece.reduce((sum, { rows }) => sum + rows.length, 0)).toBeLessThanOrEqual(maxRows)
  }
  const { transactions: less } = await readLog(client, from, await snapshot(), [2])
  expect(join(await stream(from, [2], {}))).toEqual(less)
})

test('wide rows come in small pieces', async () => {
  const from = await snapshot()
  await client.query(`insert into t select i, repeat('x', 10000) from generate_series(10001, 12000) as i`)
  const pieces = await stream(from, [1], { maxBytes: 1_000_000 })
  expect(pieces.slice(1).map((piece) => piece[0]?.rows.length)).toSatisfy((counts: number[]) =>
    counts.every((count) => count <= 100),
  )
  expect(join(pieces)).toHaveLength(1)
})

test('a stream that is left early leaves the transaction as it was', async () => {
  await client.query('begin isolation level repeatable read read only')
  const { rows } = await client.query(`select '1:1:' as from, pg_current_snapshot()::text as to`)
  for (let i = 0; i < 2; i++)
    for await (const piece of streamLog(client, rows[0].from, rows[0].to, [1], { maxRows: 10 })) {
      expect(piece[0]?.rows).toHaveLength(10)
      break
    }
  await client.query('commit')
})

test('nothing lies between a position and itself, and nobody follows nothing', async () => {
  const from = await snapshot()
  expect(await stream(from, [1], {})).toEqual([])
  expect(await stream('1:1:', [], {})).toEqual([])
})
