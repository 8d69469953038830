import type pg from 'pg'
import { fetchPieces, type PieceBounds } from '../db/fetch-pieces.ts'
import { transactionsOf, type LogRecord, type LogTransaction } from './read-log.ts'

const defaultBounds: PieceBounds = { maxRows: 1_000, maxBytes: 250_000 }

const text = 'select * from event.changes_between($1, $2, $3)'

/**
 * What `readLog` reads, in pieces: a transaction may continue in the next piece, under the same id. Nothing is held
 * here but one piece, however much lies between the snapshots; PostgreSQL keeps the rest, on disk if it is much.
 *
 * Runs in the caller's transaction, in which no other stream may be open. Leaving it early is fine.
 */
export async function* streamLog(
  client: pg.ClientBase,
  from: string,
  to: string,
  relationIds: readonly number[],
  bounds: Partial<PieceBounds> = {},
): AsyncGenerator<LogTransaction[], void, undefined> {
  if (from === to || relationIds.length === 0) return
  const query = { name: 'log_stream', text, values: [from, to, relationIds] }
  for await (const { rows } of fetchPieces<LogRecord>(client, query, sizeOf, { ...defaultBounds, ...bounds }))
    if (rows.length > 0) yield transactionsOf(rows)
}

function sizeOf({ key, new: values }: LogRecord): number {
  return key.length + (values?.length ?? 0)
}
