import type { Order, Predicate } from '../../shared/subscription.ts'

/** What a filtered, ordered or limited table subscription asks for, in canonical form. */
export interface Query {
  readonly where: Predicate | null
  /** Ends with the primary key, so that the order is total; empty when no order and no limit was asked for. */
  readonly orderBy: readonly Order[]
  readonly limit: number | null
  /** The columns that decide whether and where a row is shown. */
  readonly columns: ReadonlySet<string>
  /** Conditions that each row must meet and an index can decide: column and JSON of the value. */
  readonly equalities: readonly { readonly column: string; readonly value: string }[]
  /** The equalities are the whole filter, and there is neither order nor limit: no need to ask the database. */
  readonly isDecidedByEqualities: boolean
}
