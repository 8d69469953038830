import type { KeyText, Row, Value } from '../../shared/change.ts'
import type { OrderBy, Where } from '../../shared/filter.ts'

/**
 * The tables of your application: each by the name that you give to the hooks, with the type of its rows.
 * Empty, every name is accepted and rows are untyped.
 *
 * @example
 * declare module 'rowcast/client' {
 *   interface Tables {
 *     person: { id: number; name: string }
 *   }
 * }
 */
// oxlint-disable-next-line no-empty-interface, typescript/no-empty-object-type: it is there to be augmented
export interface Tables {}

/** A relation's name, `schema.name`; `public` may be left out. */
export type RelationName = [keyof Tables] extends [never] ? string : keyof Tables & string

/** The type of a relation's rows. */
export type RowOf<R extends string> = R extends keyof Tables ? Tables[R] : Row

/** The name of one of a relation's columns. */
export type ColumnOf<R extends string> = keyof RowOf<R> & string

/** The type of one column's values. */
export type ValueOf<R extends string, C extends ColumnOf<R>> = RowOf<R>[C]

/** A primary key: its value, or an array of its values in the order of the key's columns. */
export type Key = string | number | boolean | readonly Value[]

/** Which rows of a relation, in which order, and how many at most. */
export interface TableOptions<R extends string> {
  readonly where?: Where<RowOf<R>> | undefined
  readonly orderBy?: OrderBy<RowOf<R>> | undefined
  readonly limit?: number | undefined
}

/** Which rows' changes, and how many of the last. */
export interface ChangesOptions<R extends string> {
  readonly where?: Where<RowOf<R>> | undefined
  /** Default: 100. */
  readonly last?: number | undefined
}

/** One row's value in a column. `key` is unique and stays the same, so it suits as React's `key`. */
export interface ColumnEntry<V> {
  readonly key: KeyText
  readonly value: V
}
