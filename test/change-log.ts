import type pg from 'pg'
import type { KeyText, Row } from '../shared/change.ts'

/** A row of the change log, as JavaScript reads it. */
export interface LoggedChange {
  readonly op: 'row_insert' | 'row_delete' | 'field_update'
  readonly key: KeyText
  readonly new: Row | null
  readonly old: Row | null
}

/** The changes logged of a relation by committed transactions, in order. All of them, if none is named. */
export async function readChanges(client: pg.Client, relation?: string): Promise<LoggedChange[]> {
  const { rows } = await client.query<LoggedChange>(
    `select c.op, c.key, c.new, c.old
       from event.change as c join event.tracked_relation as r on r.id = c.relation_id
      where $1::regclass is null or r.oid = $1::regclass
      order by (select max(x.seq) from event.change as x where x.xid = c.xid), c.seq`,
    [relation ?? null],
  )
  return rows
}

/** The rows of a tracked relation, encoded as capture does, by key. */
export async function readRows(client: pg.Client, relation: string): Promise<Map<KeyText, Row>> {
  const { rows: expressions } = await client.query<{ key: string; row: string }>(
    `select event.key_expression($1::regclass, 't') as key, event.row_expression($1::regclass, 't') as row`,
    [relation],
  )
  await client.query('begin')
  await client.query(encodingSettings)
  const { rows } = await client.query<{ key: string; row: Row }>(
    `select ${expressions[0]?.key} as key, ${expressions[0]?.row} as row from ${relation} as t order by 1`,
  )
  await client.query('commit')
  return new Map(rows.map(({ key, row }) => [key, row]))
}

/** What a connection must have set for `event.row_expression` to encode as capture does. */
export const encodingSettings = `
  set local timezone = 'UTC'; set local datestyle = 'ISO'; set local intervalstyle = 'iso_8601';
  set local extra_float_digits = 1; set local bytea_output = 'hex'`

/**
 * Applies changes to rows, strictly: what is inserted must be absent, what is updated or deleted present, and
 * old values must be as logged. So a log that replays is a log in which nothing is missing or out of place.
 */
export function replay(
  before: ReadonlyMap<KeyText, Row>,
  changes: readonly LoggedChange[],
): Map<KeyText, Row> {
  const rows = new Map(before)
  for (const change of changes) {
    const row = rows.get(change.key)
    if ((change.op === 'row_insert') === (row !== undefined))
      throw new Error(`${change.op} of ${change.key}, which is ${row ? 'there' : 'not there'}`)
    for (const [column, value] of Object.entries(change.old ?? {}))
      if (JSON.stringify(row?.[column]) !== JSON.stringify(value))
        throw new Error(
          `${change.op} of ${change.key}: ${column} is ${JSON.stringify(row?.[column])}, logged as ${JSON.stringify(value)}`,
        )
    if (change.op === 'row_delete') rows.delete(change.key)
    else rows.set(change.key, { ...row, ...change.new })
  }
  return new Map([...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
}
