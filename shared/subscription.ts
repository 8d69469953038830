import * as v from 'valibot'
import type { Value } from './change.ts'

/** The operators of a filter, with SQL's meaning: only rows for which the condition is true match, not null. */
export const operators = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'like', 'ilike', 'is_null'] as const
export type Operator = (typeof operators)[number]

/** A filter as it travels. Browsers send this, never SQL; the server turns it into parameterised SQL. */
export type Predicate =
  | { readonly and: readonly Predicate[] }
  | { readonly or: readonly Predicate[] }
  | { readonly not: Predicate }
  | { readonly column: string; readonly op: Operator; readonly value: Value }

export interface Order {
  readonly column: string
  readonly direction: 'asc' | 'desc'
}

/**
 * What a session follows. `relation` is `schema.name`, `public` may be left out; `key` holds the
 * primary key's values in its order. With an order, the primary key breaks ties.
 */
export type Subscription =
  | {
      readonly kind: 'table'
      readonly relation: string
      readonly where?: Predicate
      readonly orderBy?: readonly Order[]
      readonly limit?: number
    }
  | { readonly kind: 'column'; readonly relation: string; readonly column: string }
  | { readonly kind: 'row'; readonly relation: string; readonly key: readonly Value[] }
  | {
      readonly kind: 'field'
      readonly relation: string
      readonly key: readonly Value[]
      readonly column: string
    }

/** The canonical key of what is subscribed to: the same for every session and on every server. */
export type SubscriptionId = string

/** A hostile filter must not exhaust the stack, here or in PostgreSQL's planner. */
const maxPredicateDepth = 8
const maxConditions = 100
const maxValueDepth = 6

/** PostgreSQL's text holds no NUL, and its JSON no half of a surrogate pair. */
const text = v.pipe(
  v.string(),
  v.check((input) => !/[\0\p{Cs}]/u.test(input), 'holds what PostgreSQL cannot hold'),
)
const name = v.pipe(text, v.minLength(1), v.maxLength(200))

function valueOfDepth(depth: number): v.GenericSchema<Value> {
  const scalar = v.union([v.null(), v.boolean(), v.number(), v.pipe(text, v.maxLength(10_000))])
  if (depth === 0) return scalar
  const inner = v.lazy(() => valueOfDepth(depth - 1))
  return v.union([scalar, v.pipe(v.array(inner), v.maxLength(1000))]) as v.GenericSchema<Value>
}
const value = valueOfDepth(maxValueDepth)

const key = v.pipe(v.array(value), v.minLength(1), v.maxLength(32), v.readonly())

function predicateOfDepth(depth: number): v.GenericSchema<Predicate> {
  const condition = v.strictObject({ column: name, op: v.picklist(operators), value })
  if (depth === 0) return condition
  const inner = v.lazy(() => predicateOfDepth(depth - 1))
  const several = v.pipe(v.array(inner), v.minLength(1), v.maxLength(maxConditions))
  return v.union([
    condition,
    v.strictObject({ and: several }),
    v.strictObject({ or: several }),
    v.strictObject({ not: inner }),
  ]) as v.GenericSchema<Predicate>
}

/** Parses what a client asks to follow; unknown properties are refused. */
export const subscriptionSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('table'),
    relation: name,
    where: v.exactOptional(predicateOfDepth(maxPredicateDepth)),
    orderBy: v.exactOptional(
      v.pipe(
        v.array(v.strictObject({ column: name, direction: v.picklist(['asc', 'desc']) })),
        v.minLength(1),
        v.maxLength(16),
        v.readonly(),
      ),
    ),
    limit: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000))),
  }),
  v.strictObject({ kind: v.literal('column'), relation: name, column: name }),
  v.strictObject({ kind: v.literal('row'), relation: name, key }),
  v.strictObject({ kind: v.literal('field'), relation: name, key, column: name }),
]) satisfies v.GenericSchema<unknown, Subscription>
