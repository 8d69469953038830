import type pg from 'pg'
import { transactionsOf, type LogRecord, type LogTransaction } from './read-log.ts'

export interface StreamBounds {
  /** Rows in one piece, at the most. */
  readonly maxRows?: number
  /** JSON text in one piece, about: the rows of a piece are as many as would fit by the piece before. */
  readonly maxBytes?: number
}

/** Nothing is known of the rows before the first piece. */
const firstRows = 500

const sql = 'select * from event.changes_between($1, $2, $3)'

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
  { maxRows = 5_000, maxBytes = 4_000_000 }: StreamBounds = {},
): AsyncGenerator<LogTransaction[], void, undefined> {
  if (from === to || relationIds.length === 0) return
  await client.query(`declare log_stream no scroll cursor for ${sql}`, [from, to, relationIds])
  try {
    let count = Math.min(maxRows, firstRows)
    for (;;) {
      const { rows } = await client.query<LogRecord>(`fetch ${count} from log_stream`)
      if (rows.length > 0) yield transactionsOf(rows)
      if (rows.length < count) return
      const bytesPerRow = rows.reduce((sum, row) => sum + sizeOf(row), 0) / count
      count = Math.max(1, Math.min(maxRows, count * 4, Math.floor(maxBytes / bytesPerRow)))
    }
  } finally {
    await client.query('close log_stream').catch(() => undefined) // gone with the transaction, if that has failed
  }
}

function sizeOf({ key, new: values }: LogRecord): number {
  return key.length + (values?.length ?? 0)
}
