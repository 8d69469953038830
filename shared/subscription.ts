import type { Value } from './change.ts'
import { exactlyOf, isObject, kindOf, listOf, oneOf, optional, shape, told, type Shape } from './shape.ts'

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
const maxNameLength = 200
const maxLimit = 1_000_000

/** PostgreSQL's text holds no NUL, and its JSON no half of a surrogate pair. */
function isText(input: string): boolean {
  return !/[\0\p{Cs}]/u.test(input)
}
const name = shape<string>(
  (input) => typeof input === 'string' && input.length > 0 && input.length <= maxNameLength && isText(input),
  `a name of at most ${maxNameLength} characters that PostgreSQL can hold`,
)

function isValue(input: unknown, depth = maxValueDepth): input is Value {
  if (typeof input === 'string') return input.length <= maxTextLength && isText(input)
  if (typeof input === 'number') return Number.isFinite(input) // JSON's 1e400 is read as infinite
  if (!Array.isArray(input)) return input === null || typeof input === 'boolean'
  return depth > 0 && input.length <= maxListLength && input.every((each) => isValue(each, depth - 1))
}
const value = shape<Value>(
  isValue,
  `null, a boolean, a number, a text of at most ${maxTextLength} characters that PostgreSQL can hold, or a list of at most ${maxListLength} of these`,
)

const key = listOf(value, 1, 32)

const condition: Shape<Predicate> = exactlyOf({ column: name, op: oneOf(...operators), value })

/** The kind of predicate is told first: to try one after the other would cost their product. */
function predicateOfDepth(depth: number): Shape<Predicate> {
  const inner: Shape<Predicate> =
    depth === 0 ? () => `: a filter may be nested ${maxPredicateDepth} deep` : predicateOfDepth(depth - 1)
  const several = listOf(inner, 1, maxConditions)
  const [and, or, not] = [exactlyOf({ and: several }), exactlyOf({ or: several }), exactlyOf({ not: inner })]
  return (input) => {
    if (!isObject(input)) return condition(input)
    return ('and' in input ? and : 'or' in input ? or : 'not' in input ? not : condition)(input)
  }
}

type Of<K extends Subscription['kind']> = Extract<Subscription, { kind: K }>

/** What a client may ask to follow; unknown properties are refused. */
export const subscriptionShape = kindOf<Subscription>('kind', {
  table: exactlyOf<Of<'table'>>({
    kind: told,
    relation: name,
    where: optional(predicateOfDepth(maxPredicateDepth)),
    orderBy: optional(listOf(exactlyOf<Order>({ column: name, direction: oneOf('asc', 'desc') }), 1, 16)),
    limit: optional(
      shape(
        (input) => Number.isInteger(input) && Number(input) > 0 && Number(input) <= maxLimit,
        `a whole number from 1 to ${maxLimit}`,
      ),
    ),
  }),
  column: exactlyOf<Of<'column'>>({ kind: told, relation: name, column: name }),
  row: exactlyOf<Of<'row'>>({ kind: told, relation: name, key }),
  field: exactlyOf<Of<'field'>>({ kind: told, relation: name, key, column: name }),
})
