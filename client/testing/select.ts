import { keyText, type KeyText, type Row, type Value } from '../../shared/change.ts'
import type { Rows } from '../../shared/diff.ts'
import type { Predicate, Subscription } from '../../shared/subscription.ts'

/** What a subscription shows of a table: the plainest `select` there can be, for tests to compare with. */
export function select(rows: Rows, subscription: Subscription): [KeyText, Row][] {
  switch (subscription.kind) {
    case 'table': {
      const { where, orderBy = [], limit } = subscription
      const found = [...rows].filter(([, row]) => where === undefined || matches(row, where) === true)
      const isWindow = orderBy.length > 0 || limit !== undefined
      if (isWindow)
        found.sort(([, a], [, b]) => {
          for (const { column, direction } of [...orderBy, { column: 'id', direction: 'asc' }]) {
            const order = compare(a[column] ?? null, b[column] ?? null)
            if (order !== 0) return direction === 'asc' ? order : -order
          }
          return 0
        })
      return found.slice(0, limit)
    }
    case 'column':
      return [...rows].map(([key, row]) => [key, { [subscription.column]: row[subscription.column] ?? null }])
    case 'row':
    case 'field': {
      const key = keyText(subscription.key.map(Number))
      const row = rows.get(key)
      if (!row) return []
      const { column } = subscription.kind === 'field' ? subscription : { column: undefined }
      return [[key, column === undefined ? row : { [column]: row[column] ?? null }]]
    }
  }
}

/** With SQL's three values: null where SQL says null. */
function matches(row: Row, where: Predicate): boolean | null {
  if ('and' in where) return all(where.and.map((part) => matches(row, part)))
  if ('or' in where) return negate(all(where.or.map((part) => negate(matches(row, part)))))
  if ('not' in where) return negate(matches(row, where.not))
  const value = row[where.column] ?? null
  if (where.op === 'is_null') return (value === null) === where.value
  if (value === null) return null
  switch (where.op) {
    case 'eq':
      return value === where.value
    case 'gt':
      return compare(value, where.value) > 0
    case 'lte':
      return compare(value, where.value) <= 0
    default:
      throw new Error(`this model does not know ${where.op}`)
  }
}

function all(parts: readonly (boolean | null)[]): boolean | null {
  if (parts.includes(false)) return false
  return parts.includes(null) ? null : true
}

function negate(part: boolean | null): boolean | null {
  return part === null ? null : !part
}

/** Nulls last, as PostgreSQL sorts upwards. */
function compare(a: Value, b: Value): number {
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  return a < b ? -1 : 1
}
