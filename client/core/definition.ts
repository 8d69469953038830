import type { Value } from '../../shared/change.ts'
import { RowcastError } from '../../shared/errors.ts'
import { toOrders, toPredicate } from '../../shared/filter.ts'
import { subscriptionShape, type Subscription } from '../../shared/subscription.ts'
import type { ColumnOf, Key, RelationName, TableOptions } from './tables.ts'

/** @throws {RowcastError} `invalid_filter` when the filter or the order says what cannot be meant. */
export function tableSubscription<R extends RelationName>(
  relation: R,
  { where, orderBy, limit }: TableOptions<R> = {},
): Subscription {
  const predicate = toPredicate(where)
  const orders = toOrders(orderBy)
  return checked({
    kind: 'table',
    relation,
    ...(predicate && { where: predicate }),
    ...(orders && { orderBy: orders }),
    ...(limit !== undefined && { limit }),
  })
}

/** @throws {RowcastError} `invalid_key` when a value of the key is missing. */
export function rowSubscription<R extends RelationName>(relation: R, key: Key): Subscription {
  return checked({ kind: 'row', relation, key: keyValues(relation, key) })
}

/** @throws {RowcastError} `invalid_key` when a value of the key is missing. */
export function fieldSubscription<R extends RelationName>(
  relation: R,
  key: Key,
  column: ColumnOf<R>,
): Subscription {
  return checked({ kind: 'field', relation, key: keyValues(relation, key), column })
}

export function columnSubscription<R extends RelationName>(relation: R, column: ColumnOf<R>): Subscription {
  return checked({ kind: 'column', relation, column })
}

/**
 * Refuses what the server would not even read. It would refuse it together with everything else that
 * the page asks for at the same time.
 *
 * @throws {RowcastError} `invalid_filter` or `invalid_key`, e.g. when a filter is too deep or a value too long
 */
export function checked(subscription: Subscription): Subscription {
  const fault = subscriptionShape(subscription)
  if (fault === undefined) return subscription
  const code = subscription.kind === 'row' || subscription.kind === 'field' ? 'invalid_key' : 'invalid_filter'
  throw new RowcastError(code, `${subscription.relation}${fault}`)
}

/** Equal for equal subscriptions: the builders above write the properties in one order, and `public` may be left out. */
export function textOf(subscription: Subscription): string {
  const [, name] = /^public\.([^."]+)$/.exec(subscription.relation) ?? []
  return JSON.stringify(name === undefined ? subscription : { ...subscription, relation: name })
}

function keyValues(relation: string, key: Key): readonly Value[] {
  const values = Array.isArray(key) ? (key as readonly Value[]) : [key as Value]
  if (values.length === 0 || values.some((value) => value === undefined || value === null))
    throw new RowcastError(
      'invalid_key',
      `a key of ${relation} lacks a value: ${JSON.stringify(key) ?? 'undefined'}`,
    )
  return values
}
