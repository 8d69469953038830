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

// Everything that committed between two snapshots, and nothing else. Sequence numbers are taken
// before commit, so "greater than the last one" would skip what commits late.
const sql = `
  select c.xid::text as xid, to_json(c.at)#>>'{}' as at, c.op, c.relation_id, c.key, c.new::text as new
  from event.change as c
  where (c.xid >= pg_snapshot_xmax($1::pg_snapshot) or c.xid = any (array(select pg_snapshot_xip($1::pg_snapshot))))
    and pg_visible_in_snapshot(c.xid, $2::pg_snapshot)
    and c.relation_id = any ($3)
  order by c.seq`

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
