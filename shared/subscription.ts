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
const maxTextLength = 10_000
const maxListLength = 1_000

/** PostgreSQL's text holds no NUL, and its JSON no half of a surrogate pair. */
function isText(input: string): boolean {
  return !/[\0\p{Cs}]/u.test(input)
}
const name = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(200),
  v.check(isText, 'holds what PostgreSQL cannot hold'),
)

/** By hand: a message may hold a million values, and everybody waits while they are looked at. */
function isValue(input: unknown, depth = maxValueDepth): input is Value {
  if (typeof input === 'string') return input.length <= maxTextLength && isText(input)
  if (typeof input === 'number') return Number.isFinite(input) // JSON's 1e400 is read as infinite
  if (!Array.isArray(input)) return input === null || typeof input === 'boolean'
  return depth > 0 && input.length <= maxListLength && input.every((each) => isValue(each, depth - 1))
}
const value = v.custom<Value>(
  (input) => isValue(input),
  `must be null, a boolean, a number, a text of at most ${maxTextLength} characters that PostgreSQL can hold, or a list of at most ${maxListLength} of these`,
)

const key = v.pipe(v.array(v.unknown()), v.minLength(1), v.maxLength(32), v.array(value), v.readonly())

const condition = v.strictObject({ column: name, op: v.picklist(operators), value })

const tooDeep = v.custom<Predicate>(() => false, `a filter may be nested ${maxPredicateDepth} deep`)

/** The kind of predicate is told first: to try one after the other would cost their product. */
function predicateOfDepth(depth: number): v.GenericSchema<unknown, Predicate> {
  const inner = depth === 0 ? tooDeep : predicateOfDepth(depth - 1)
  const several = v.pipe(
    v.array(v.unknown()),
    v.minLength(1),
    v.maxLength(maxConditions),
    v.array(inner),
    v.readonly(),
  )
  const [and, or, not] = [
    v.strictObject({ and: several }),
    v.strictObject({ or: several }),
    v.strictObject({ not: inner }),
  ]
  return v.lazy((input): v.GenericSchema<unknown, Predicate> => {
    if (typeof input !== 'object' || input === null) return condition
    return 'and' in input ? and : 'or' in input ? or : 'not' in input ? not : condition
  })
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
