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
 * Reads what a query gives in pieces, through a cursor: no more than two lie in memory, however much there is, since
 * PostgreSQL reads the next while one is handed on. The last piece, which may be empty, is marked.
 *
 * Runs in the caller's transaction, in which no other cursor of that name may be open. Leaving it early is fine.
 */
export async function* fetchPieces<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  { name, text, values }: { readonly name: string; readonly text: string; readonly values: unknown[] },
  sizeOf: (row: Row) => number,
  { maxRows, maxBytes }: PieceBounds,
): AsyncGenerator<{ rows: Row[]; isLast: boolean }, void, undefined> {
  const fetch = (count: number): Promise<pg.QueryResult<Row>> => {
    const fetching = client.query<Row>(`fetch ${count} from ${name}`)
    fetching.catch(() => undefined) // whoever awaits it is told, if anybody does
    return fetching
  }
  await client.query(`declare ${name} no scroll cursor for ${text}`, values)
  try {
    let count = Math.min(maxRows, firstRows)
    let fetching = fetch(count)
    for (;;) {
      const { rows } = await fetching
      const isLast = rows.length < count
      if (!isLast) {
        const bytesPerRow = rows.reduce((sum, row) => sum + sizeOf(row), 0) / count
        count = Math.max(1, Math.min(maxRows, count * 4, Math.floor(maxBytes / bytesPerRow)))
        fetching = fetch(count)
      }
      yield { rows, isLast }
      if (isLast) return
    }
  } finally {
    await client.query(`close ${name}`).catch(() => undefined) // gone with the transaction, if that has failed
  }
}
