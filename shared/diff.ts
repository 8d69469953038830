import type { Change, KeyText, RelationName, Row, Value } from './change.ts'
import { RowcastError } from './errors.ts'

/** A map, because keys are data: a row may well be called `constructor`. */
export type Rows = Map<KeyText, Row>

/** A table at one moment. Every row has exactly these columns. */
export interface TableState {
  readonly relation: RelationName
  readonly columns: readonly string[]
  readonly rows: ReadonlyMap<KeyText, Row>
}

/** Whether two values are the same to PostgreSQL's eyes: null equals null, and objects are equal by content. */
export function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (isList(a) || isList(b))
    return (
      isList(a) && isList(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i] as Value))
    )
  return sameRow(a, b)
}

/** Whether two rows have the same columns with the same values, whatever the order of the columns. */
export function sameRow(a: Row, b: Row): boolean {
  if (a === b) return true
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameValue(a[name] as Value, b[name] as Value))
  )
}

/** `Array.isArray` does not narrow a readonly array away from an object. */
function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

/**
 * What leads from one state of a table to another: deletes, then updates, then inserts. Nothing if the
 * states are the same; applied in order to `before` with `applyChange`, it gives `after`.
 *
 * @throws {RowcastError} `shape_changed` when the states differ in relation or columns: which column
 *   became which can only be guessed.
 */
export function diffTables(before: TableState, after: TableState): Change[] {
  refuseOtherShape(before, after)
  const { relation } = after
  const deletes: Change[] = []
  const updates: Change[] = []
  const inserts: Change[] = []
  for (const [key, old] of before.rows) {
    const row = after.rows.get(key)
    if (!row) {
      deletes.push({ op: 'row_delete', relation, key })
      continue
    }
    for (const column of after.columns) {
      const value = fieldOf(row, column, after, key)
      if (!sameValue(fieldOf(old, column, before, key), value))
        updates.push({ op: 'field_update', relation, key, column, value })
    }
  }
  for (const [key, row] of after.rows)
    if (!before.rows.has(key)) inserts.push({ op: 'row_insert', relation, key, row })
  return [...deletes, ...updates, ...inserts]
}

/**
 * Applies one change to the rows of its relation, in place. A row that changes is replaced, never
 * altered, so that identity tells whether it changed. Changes must arrive in log order, each once.
 *
 * @throws {RowcastError} `row_missing` when a field of an unknown row changes, `invalid_message` for an
 *   unknown operation.
 */
export function applyChange(rows: Rows, change: Change): void {
  switch (change.op) {
    case 'row_insert':
      rows.set(change.key, change.row)
      return
    case 'row_delete':
      rows.delete(change.key)
      return
    case 'field_update': {
      const row = rows.get(change.key)
      if (!row) throw new RowcastError('row_missing', `no row ${change.relation} ${change.key} to update`)
      rows.set(change.key, withFields(row, { [change.column]: change.value }))
      return
    }
    default:
      throw new RowcastError('invalid_message', `unknown operation: ${JSON.stringify(change)}`)
  }
}

/** The row with some of its fields replaced. A column may be called `__proto__`, so nothing is assigned. */
export function withFields(row: Row, fields: Row): Row {
  return { ...row, ...fields }
}

function refuseOtherShape(before: TableState, after: TableState): void {
  const same =
    before.relation === after.relation &&
    before.columns.length === after.columns.length &&
    before.columns.every((column) => after.columns.includes(column))
  if (!same)
    throw new RowcastError('shape_changed', `cannot compare ${shapeOf(before)} with ${shapeOf(after)}`)
}

function shapeOf({ relation, columns }: TableState): string {
  return `${relation} (${columns.join(', ')})`
}

function fieldOf(row: Row, column: string, table: TableState, key: KeyText): Value {
  const value = Object.hasOwn(row, column) ? row[column] : undefined
  if (value === undefined || Object.keys(row).length !== table.columns.length)
    throw new RowcastError('shape_changed', `row ${key} does not have the columns of ${shapeOf(table)}`)
  return value
}
