import type pg from 'pg'

export interface PieceBounds {
  /** Rows in one piece, at the most. */
  readonly maxRows: number
  /** In one piece, about: the rows of a piece are as many as would fit by the piece before. */
  readonly maxBytes: number
}

/** Nothing is known of the rows before the first piece. */
const firstRows = 200

/**
 * Reads what a query gives in pieces, through a cursor: no more than a piece lies in memory, however much there is.
 * The last piece, which may be empty, is marked.
 *
 * Runs in the caller's transaction, in which no other cursor of that name may be open. Leaving it early is fine.
 */
export async function* fetchPieces<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  { name, text, values }: { readonly name: string; readonly text: string; readonly values: unknown[] },
  sizeOf: (row: Row) => number,
  { maxRows, maxBytes }: PieceBounds,
): AsyncGenerator<{ rows: Row[]; isLast: boolean }, void, undefined> {
  await client.query(`declare ${name} no scroll cursor for ${text}`, values)
  try {
    let count = Math.min(maxRows, firstRows)
    for (;;) {
      const { rows } = await client.query<Row>(`fetch ${count} from ${name}`)
      const isLast = rows.length < count
      yield { rows, isLast }
      if (isLast) return
      const bytesPerRow = rows.reduce((sum, row) => sum + sizeOf(row), 0) / count
      count = Math.max(1, Math.min(maxRows, count * 4, Math.floor(maxBytes / bytesPerRow)))
    }
  } finally {
    await client.query(`close ${name}`).catch(() => undefined) // gone with the transaction, if that has failed
  }
}
