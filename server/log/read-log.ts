import type pg from 'pg'

/** One row of `event.change`: what one statement did to one row. */
export interface LogRow {
  readonly op: 'row_insert' | 'row_delete' | 'field_update'
  readonly relationId: number
  readonly key: string
  /** JSON text, as PostgreSQL wrote it: the whole row, the changed fields, or null for a delete. */
  readonly new: string | null
}

export interface LogTransaction {
  /** Transaction id (`xid8`) as text. */
  readonly id: string
  /** ISO 8601. */
  readonly at: string
  readonly rows: LogRow[]
}

const sql = 'select * from event.changes_between($1, $2, $3)'

/**
 * The transactions that committed after snapshot `from` and up to `to`, as far as they changed the relations named.
 *
 * In the order of their last change: a row lock makes a later writer draw its number after the earlier
 * one has committed, so this order respects every dependency, and leaving relations out does not disturb it.
 */
export async function readLog(
  client: pg.ClientBase,
  from: string,
  to: string,
  relationIds: readonly number[],
): Promise<LogTransaction[]> {
  if (from === to || relationIds.length === 0) return []
  const { rows } = await client.query({
    name: 'rowcast_read_log',
    text: sql,
    values: [from, to, relationIds],
  })
  const transactions = new Map<string, LogTransaction>()
  for (const row of rows) {
    let transaction = transactions.get(row.xid)
    // Deleting first moves it to the end: a map remembers the order of insertion, so it ends
    // up ordered by each transaction's last change.
    if (transaction) transactions.delete(row.xid)
    else transaction = { id: row.xid, at: row.at, rows: [] }
    transactions.set(row.xid, transaction)
    transaction.rows.push({ op: row.op, relationId: row.relation_id, key: row.key, new: row.new })
  }
  return [...transactions.values()]
}
