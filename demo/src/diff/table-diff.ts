/** A row as it comes from any table. */
export type AnyRow = Readonly<Record<string, unknown>>

export interface DiffCell {
  readonly column: string
  readonly value: unknown
  /** What stood here before, where that was something else. */
  readonly old?: unknown
  readonly isChanged: boolean
}

export type DiffState = 'same' | 'inserted' | 'deleted' | 'changed'

export interface DiffRow {
  /** Unique in the diff. */
  readonly id: string
  readonly state: DiffState
  readonly cells: readonly DiffCell[]
}

/**
 * The inclusive diff of two states of a table: all rows of now in their order, changed cells with what they
 * were, and each deleted row after the row that it used to follow.
 *
 * @param key the columns of the primary key, by which rows are known
 */
export function diffTable(
  before: readonly AnyRow[],
  after: readonly AnyRow[],
  key: readonly string[],
  columns: readonly string[],
): DiffRow[] {
  const keyOf = (row: AnyRow) => JSON.stringify(key.map((column) => row[column]))
  const old = new Map(before.map((row) => [keyOf(row), row]))
  const now = new Set(after.map(keyOf))
  const gone = deletedAfter(before, now, keyOf)

  const rows = (gone.get(null) ?? []).map((row) => deletedRow(row, keyOf(row), columns))
  for (const row of after) {
    const id = keyOf(row)
    rows.push(diffRow(old.get(id), row, id, columns))
    for (const deleted of gone.get(id) ?? []) rows.push(deletedRow(deleted, keyOf(deleted), columns))
  }
  return rows
}

export function countStates(rows: readonly DiffRow[]): Record<DiffState, number> {
  const counts = { same: 0, inserted: 0, deleted: 0, changed: 0 }
  for (const { state } of rows) counts[state]++
  return counts
}

/** Deleted rows by the key of the nearest row before them that is still there; null: none is. */
function deletedAfter(before: readonly AnyRow[], now: ReadonlySet<string>, keyOf: (row: AnyRow) => string) {
  const gone = new Map<string | null, AnyRow[]>()
  let anchor: string | null = null
  for (const row of before) {
    const key = keyOf(row)
    if (now.has(key)) anchor = key
    else gone.set(anchor, [...(gone.get(anchor) ?? []), row])
  }
  return gone
}

function diffRow(old: AnyRow | undefined, row: AnyRow, id: string, columns: readonly string[]): DiffRow {
  const cells = columns.map((column) => {
    const value = row[column]
    return old && old !== row && !isSame(old[column], value)
      ? { column, value, old: old[column], isChanged: true }
      : { column, value, isChanged: false }
  })
  const state = !old ? 'inserted' : cells.some((cell) => cell.isChanged) ? 'changed' : 'same'
  return { id, state, cells }
}

function deletedRow(row: AnyRow, id: string, columns: readonly string[]): DiffRow {
  return {
    id: `deleted ${id}`,
    state: 'deleted',
    cells: columns.map((column) => ({ column, value: row[column], isChanged: false })),
  }
}

/** json and array columns are compared by what they say. */
function isSame(a: unknown, b: unknown): boolean {
  return (
    a === b || (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b))
  )
}
