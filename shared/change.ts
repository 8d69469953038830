/** What JSON can hold, and so what travels: 64-bit integers and numerics as strings, times as ISO 8601. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value }

/** One row: its columns by name. Never altered in place; a row that changes is replaced. */
export type Row = { readonly [column: string]: Value }

/** The primary key's values in the order of the primary key, as compact JSON: `[3]`, `["a",5]`. */
export type KeyText = string

/** `schema.name`, each part quoted where PostgreSQL would quote it. */
export type RelationName = string

/** The three atoms to which every difference between two states of a table comes down. */
export type Change =
  | { readonly op: 'row_insert'; readonly relation: RelationName; readonly key: KeyText; readonly row: Row }
  | { readonly op: 'row_delete'; readonly relation: RelationName; readonly key: KeyText }
  | {
      readonly op: 'field_update'
      readonly relation: RelationName
      readonly key: KeyText
      readonly column: string
      readonly value: Value
    }

/** The canonical text of a key, equal to what PostgreSQL's side of Rowcast writes. */
export function keyText(key: readonly Value[]): KeyText {
  return JSON.stringify(key)
}
