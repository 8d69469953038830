import type pg from 'pg'
import type { LogRow, LogTransaction } from './read-log.ts'

export interface StreamBounds {
  /** Rows in one piece, at the most. */
  readonly maxRows?: number
  /** JSON text in one piece, about: the rows of a piece are as many as would fit by the piece before. */
  readonly maxBytes?: number
}

/** Nothing is known of the rows before the first piece. */
const firstRows = 500

// By seq, and each transaction where its last change stands: see readLog.
const sql = `
  select c.xid, c.at, c.op, c.relation_id, c.key, c.new
  from event.changes_between($1, $2, $3) with ordinality as c (xid, at, op, relation_id, key, new, n)
  order by max(c.n) over (partition by c.xid), c.n`

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
      if (rows.length > 0) yield piecesOf(rows)
      if (rows.length < count) return
      const bytesPerRow = rows.reduce((sum, row) => sum + sizeOf(row), 0) / count
      count = Math.max(1, Math.min(maxRows, count * 4, Math.floor(maxBytes / bytesPerRow)))
    }
  } finally {
    await client.query('close log_stream').catch(() => undefined) // gone with the transaction, if that has failed
  }
}

interface LogRecord {
  readonly xid: string
  readonly at: string
  readonly op: LogRow['op']
  readonly relation_id: number
  readonly key: string
  readonly new: string | null
}

function piecesOf(records: readonly LogRecord[]): LogTransaction[] {
  const pieces: LogTransaction[] = []
  for (const { xid, at, op, relation_id: relationId, key, new: values } of records) {
    let piece = pieces.at(-1)
    if (piece?.id !== xid) pieces.push((piece = { id: xid, at, rows: [] }))
    piece.rows.push({ op, relationId, key, new: values })
  }
  return pieces
}

function sizeOf({ key, new: values }: LogRecord): number {
  return key.length + (values?.length ?? 0)
}
