import type { Row, Value } from '../shared/change.ts'
import type { Predicate, Subscription } from '../shared/subscription.ts'

/** What a subscription shows of a table with these rows: what SQL would, said a second time and without SQL. */
export function shown(
  subscription: Subscription,
  table: { readonly key: readonly string[] },
  rows: ReadonlyMap<string, Row>,
): unknown {
  switch (subscription.kind) {
    case 'row':
      return rows.get(JSON.stringify(subscription.key)) ?? null
    case 'field':
      return rows.get(JSON.stringify(subscription.key))?.[subscription.column] ?? null
    case 'column':
      return Object.fromEntries([...rows].map(([key, row]) => [key, row[subscription.column] ?? null]))
    case 'table': {
      const { where, orderBy, limit } = subscription
      const matching = [...rows.values()].filter((row) => !where || isTrue(where, row) === true)
      const isOrdered = orderBy !== undefined || limit !== undefined
      if (!isOrdered)
        return sortedBy(
          matching,
          table.key.map((column) => ({ column, direction: 'asc' as const })),
        )
      const last = orderBy?.at(-1)?.direction ?? 'asc'
      const ties = table.key.map((column) => ({ column, direction: last }))
      return sortedBy(matching, [...(orderBy ?? []), ...ties]).slice(0, limit)
    }
  }
}

/** Whether what a client holds shows in an order that the subscription promises. */
export function isOrdered(subscription: Subscription): boolean {
  return (
    subscription.kind === 'table' && (subscription.orderBy !== undefined || subscription.limit !== undefined)
  )
}

export function sortedBy(
  rows: readonly Row[],
  order: readonly { column: string; direction: 'asc' | 'desc' }[],
): Row[] {
  return [...rows].sort((a, b) => {
    for (const { column, direction } of order) {
      const sign = compare(a[column] ?? null, b[column] ?? null)
      if (sign !== 0) return direction === 'asc' ? sign : -sign
    }
    return 0
  })
}

/** As PostgreSQL sorts: null is greater than everything. */
function compare(a: Value, b: Value): number {
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  return (a as number) < (b as number) ? -1 : 1
}

/** SQL's three-valued logic: null is unknown. */
function isTrue(predicate: Predicate, row: Row): boolean | null {
  if ('and' in predicate) {
    const parts = predicate.and.map((part) => isTrue(part, row))
    return parts.includes(false) ? false : parts.includes(null) ? null : true
  }
  if ('or' in predicate) {
    const parts = predicate.or.map((part) => isTrue(part, row))
    return parts.includes(true) ? true : parts.includes(null) ? null : false
  }
  if ('not' in predicate) {
    const part = isTrue(predicate.not, row)
    return part === null ? null : !part
  }
  const value = row[predicate.column] ?? null
  if (predicate.op === 'is_null') return (value === null) === predicate.value
  if (predicate.op === 'in' && (predicate.value as Value[]).length === 0) return false // of nothing, not even unknown
  if (value === null) return null
  if (predicate.op === 'in') return (predicate.value as Value[]).includes(value)
  const sign = compare(value, predicate.value)
  switch (predicate.op) {
    case 'eq':
      return sign === 0
    case 'ne':
      return sign !== 0
    case 'lt':
      return sign < 0
    case 'lte':
      return sign <= 0
    case 'gt':
      return sign > 0
    case 'gte':
      return sign >= 0
    default:
      throw new Error(`the reference does not know ${predicate.op}`)
  }
}
