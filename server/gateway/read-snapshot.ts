import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import { queryCanceled, sqlStateOf } from '../db/failures.ts'
import { fetchPieces } from '../db/fetch-pieces.ts'
import type { Definition } from '../routing/definition.ts'
import { fieldExpression } from '../routing/catalogue.ts'
import { asQuery } from '../routing/select.ts'
import { columnOf, selectShown } from '../routing/shown.ts'
import { waitableMs } from '../waitable-ms.ts'
import type { Limits } from './limits.ts'

/** So few are read without a cursor, which takes some round trips. */
const rowsAtOnce = 100
const bounds = { maxRows: 1_000, maxBytes: 250_000 }

interface Pair {
  readonly key: string
  readonly row: string
}

/** More than that is not for a page to show. */
export type SnapshotLimits = Pick<Limits, 'rowsPerSubscription' | 'bytesPerSubscription' | 'queryMs'>

/**
 * Reads what a subscription shows, as the role and claims in force, in the transaction's snapshot.
 *
 * Yields JSON texts of `[key,row]` pairs, some at a time; the last piece, which may be empty, is marked. A large
 * result never lies in memory whole.
 *
 * @throws {RowcastError} `limit_exceeded` once it has become too much
 */
export async function* readSnapshot(
  client: pg.ClientBase,
  definition: Definition,
  limits: SnapshotLimits,
): AsyncGenerator<{ rows: string[]; isLast: boolean }> {
  const total = { rowsPerSubscription: 0, bytesPerSubscription: 0 }
  for await (const { rows, isLast } of pairsOf(client, definition)) {
    const texts = rows.map(json)
    total.rowsPerSubscription += texts.length
    total.bytesPerSubscription += texts.reduce((sum, text) => sum + text.length, 0)
    check(total, limits)
    yield { rows: texts, isLast }
  }
}

/** Whether rows are so few that those of many subscriptions may be read at once. */
export function areFew(rows: number): boolean {
  return rows <= rowsAtOnce
}

/**
 * Reads what several subscriptions show, in one question: of each the texts of its `[key,row]` pairs.
 *
 * @param definitions of one relation; each shows few rows
 * @throws {RowcastError} `limit_exceeded` if one of them is too much
 */
export async function readSnapshots(
  client: pg.ClientBase,
  definitions: readonly Definition[],
  limits: SnapshotLimits,
): Promise<string[][]> {
  const values: string[] = []
  const selects: string[] = []
  const expressions = new Map<string | null, string>()
  for (const [place, definition] of definitions.entries()) {
    const column = columnOf(definition)
    const columns = expressions.get(column) ?? (await columnsOf(client, definition))
    expressions.set(column, columns)
    const { text } = selectShown(definition, columns, values)
    selects.push(`select ${place} as place, q.key, q.row from (${text}) as q`)
  }
  const { rows } = await client.query<Pair & { place: number }>(
    asQuery({ text: selects.join(' union all '), values }),
  )
  const shown: string[][] = definitions.map(() => [])
  for (const { place, ...pair } of rows) shown[place]?.push(json(pair))
  for (const texts of shown) {
    const bytes = texts.reduce((sum, text) => sum + text.length, 0)
    check({ rowsPerSubscription: texts.length, bytesPerSubscription: bytes }, limits)
  }
  return shown
}

function check(total: Omit<SnapshotLimits, 'queryMs'>, limits: SnapshotLimits): void {
  for (const limit of ['rowsPerSubscription', 'bytesPerSubscription'] as const)
    if (total[limit] > limits[limit]) throw tooMuch(limit, limits)
}

export function tooMuch(
  limit: 'rowsPerSubscription' | 'bytesPerSubscription',
  limits: SnapshotLimits,
): RowcastError {
  const what = limit === 'rowsPerSubscription' ? 'rows' : 'bytes'
  return new RowcastError(
    'limit_exceeded',
    `a subscription may show ${limits[limit]} ${what} (limits.${limit}), and there are more: give it a filter or a limit`,
  )
}

/** What a failure to read means: that PostgreSQL had no more time is a limit as well. */
export function orLimit(error: unknown, { queryMs }: SnapshotLimits): unknown {
  if (sqlStateOf(error) !== queryCanceled) return error
  return new RowcastError(
    'limit_exceeded',
    `PostgreSQL may take ${queryMs} ms to find what a subscription shows (limits.queryMs), and took longer: an index may be missing`,
    { cause: error },
  )
}

/** Of each statement from here to the end of the savepoint or transaction. */
export function setTimeLimit(queryMs: number): string {
  return `set local statement_timeout = ${queryMs === Infinity ? 0 : Math.ceil(waitableMs(queryMs))}`
}

async function* pairsOf(
  client: pg.ClientBase,
  definition: Definition,
): AsyncGenerator<{ rows: Pair[]; isLast: boolean }> {
  const select = await selectOf(client, definition)
  const limit =
    definition.kind === 'table'
      ? (definition.query?.limit ?? Infinity)
      : definition.kind === 'column'
        ? Infinity
        : 1
  if (limit <= rowsAtOnce) {
    yield { rows: (await client.query<Pair>(select)).rows, isLast: true }
    return
  }
  const query = { name: 'snapshot_rows', ...select }
  const sizeOf = ({ key, row }: Pair) => key.length + row.length
  yield* fetchPieces<Pair>(client, query, sizeOf, bounds)
}

function json({ key, row }: Pair): string {
  return `[${JSON.stringify(key)},${row}]`
}

async function selectOf(
  client: pg.ClientBase,
  definition: Definition,
): Promise<{ text: string; values: unknown[] }> {
  return asQuery(selectShown(definition, await columnsOf(client, definition)))
}

/** SQL of key and row. */
async function columnsOf(client: pg.ClientBase, definition: Definition): Promise<string> {
  const { relation } = definition
  const column = columnOf(definition)
  const row = column === null ? relation.rowExpression : await fieldExpression(client, relation, column)
  return `${relation.keyExpression} as key, (${row})::text as row`
}
