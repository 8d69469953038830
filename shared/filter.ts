import type { Value } from './change.ts'
import { RowcastError } from './errors.ts'
import { operators, type Operator, type Order, type Predicate } from './subscription.ts'

/** Marks what `and`, `or` and `not` return, so that a column may be called `and`. */
const predicateOf = Symbol('predicate')

/** A filter made with `and`, `or` or `not`, for rows that have (at least) these columns. */
export interface Filter<in R> {
  readonly [predicateOf]: (row: R) => Predicate | undefined
}

type Text<V> = Extract<V, string>

/** What one column may be compared with; several comparisons in one object must all hold. */
export interface Comparison<V> {
  readonly eq?: V
  readonly ne?: V
  readonly lt?: NonNullable<V>
  readonly lte?: NonNullable<V>
  readonly gt?: NonNullable<V>
  readonly gte?: NonNullable<V>
  /** One of these. */
  readonly in?: readonly NonNullable<V>[]
  /** SQL's LIKE: `%` is any text, `_` any character. */
  readonly like?: [Text<V>] extends [never] ? never : string
  /** LIKE that does not mind case. */
  readonly ilike?: [Text<V>] extends [never] ? never : string
  readonly is_null?: boolean
}

/** Columns and what they must be: a value, null, or an object of comparisons. All must hold. */
export type Conditions<R> = { readonly [C in keyof R]?: R[C] | Comparison<R[C]> }

/**
 * Which rows: conditions on columns, or `and`, `or`, `not` of them. With SQL's meaning: only rows for
 * which the whole is true match, so `{ ne: 3 }` leaves out null.
 *
 * @example
 * { channel_id: 5, deleted_at: null, id: { gt: 10 } }
 */
export type Where<R> = Conditions<R> | Filter<R>

/** Columns to order by, the first decides first; the primary key breaks ties. */
export type OrderBy<R> =
  | { readonly [C in keyof R]?: Order['direction'] }
  | readonly { readonly column: keyof R & string; readonly direction?: Order['direction'] }[]

/** A row of which nothing is known. */
export type AnyRow = { readonly [column: string]: Value }

/**
 * Rows for which all of these hold.
 *
 * @example
 * useTable('message', { where: and({ channel_id: 5 }, or({ author: me }, { pinned: true })) })
 */
export function and<R = AnyRow>(...conditions: readonly Where<NoInfer<R>>[]): Filter<R> {
  return filter(allOf(conditions.map(toPredicate)))
}

/** Rows for which at least one of these holds. */
export function or<R = AnyRow>(...conditions: readonly Where<NoInfer<R>>[]): Filter<R> {
  if (conditions.length === 0) throw invalid('or() needs at least one condition')
  const predicates = conditions.map(toPredicate)
  // an empty condition holds for every row
  if (predicates.includes(undefined)) return filter(undefined)
  return filter(predicates.length === 1 ? predicates[0] : { or: predicates.filter((p) => p !== undefined) })
}

/** Rows for which this is false; where it is null, as a comparison with null is, neither it nor its `not` matches. */
export function not<R = AnyRow>(condition: Where<NoInfer<R>>): Filter<R> {
  const predicate = toPredicate(condition)
  if (!predicate) throw invalid('not() of an empty condition would match nothing')
  return filter({ not: predicate })
}

/**
 * The filter as it travels, or nothing if every row matches.
 *
 * @throws {RowcastError} `invalid_filter` for an unknown operator, and for a value that is undefined or
 *   that JSON cannot hold: what is left out by accident would match everything.
 */
export function toPredicate<R>(where: Where<R> | undefined): Predicate | undefined {
  if (where === undefined) return undefined
  if (isFilter(where)) return where[predicateOf](undefined as never)
  return allOf(Object.entries(where).flatMap(([column, condition]) => conditionsOf(column, condition)))
}

/** The order as it travels, or nothing if none is asked for. */
export function toOrders<R>(orderBy: OrderBy<R> | undefined): readonly Order[] | undefined {
  if (orderBy === undefined) return undefined
  const named = isList(orderBy)
    ? orderBy
    : Object.entries<Order['direction'] | undefined>(orderBy).map(([column, direction]) => ({
        column,
        direction,
      }))
  const orders = named.map(({ column, direction = 'asc' }) => {
    if (direction !== 'asc' && direction !== 'desc')
      throw invalid(`orderBy.${column} is ${String(direction)}; it can be 'asc' or 'desc'`)
    return { column, direction }
  })
  return orders.length > 0 ? orders : undefined
}

function conditionsOf(column: string, condition: unknown): Predicate[] {
  if (!isComparison(condition)) return [compare(column, 'eq', condition)]
  return Object.entries(condition).map(([op, value]) => {
    if (!isOperator(op))
      throw invalid(`where.${column}.${op} is no comparison; there are ${operators.join(', ')}`)
    return compare(column, op, value)
  })
}

function compare(column: string, op: Operator, value: unknown): Predicate {
  if (!isComparable(value))
    throw invalid(
      value === undefined
        ? `where.${column} is undefined; leave the column out to match all, or pass null to match null`
        : `where.${column} compares with what JSON cannot hold: ${String(value)}; pass a string`,
    )
  if (value === null && (op === 'eq' || op === 'ne')) return { column, op: 'is_null', value: op === 'eq' }
  return { column, op, value }
}

function allOf(predicates: readonly (Predicate | undefined)[]): Predicate | undefined {
  const present = predicates.filter((p) => p !== undefined)
  return present.length > 1 ? { and: present } : present[0]
}

function filter<R>(predicate: Predicate | undefined): Filter<R> {
  return { [predicateOf]: () => predicate }
}

function isFilter<R>(where: Where<R>): where is Filter<R> {
  return predicateOf in where
}

function isComparison(condition: unknown): condition is Record<string, unknown> {
  return (
    typeof condition === 'object' &&
    condition !== null &&
    (Object.getPrototypeOf(condition) === Object.prototype || Object.getPrototypeOf(condition) === null)
  )
}

function isOperator(op: string): op is Operator {
  return (operators as readonly string[]).includes(op)
}

function isComparable(value: unknown): value is Value {
  if (Array.isArray(value)) return value.every(isComparable)
  return value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

/** `Array.isArray` does not narrow a readonly array away from an object. */
function isList(
  orderBy: object,
): orderBy is readonly { column: string; direction?: Order['direction'] | undefined }[] {
  return Array.isArray(orderBy)
}

function invalid(message: string): RowcastError {
  return new RowcastError('invalid_filter', message)
}
