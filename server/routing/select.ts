import type { KeyText, Value } from '../../shared/change.ts'
import type { Predicate } from '../../shared/subscription.ts'
import type { Query } from './query.ts'
import type { RelationInfo } from './catalogue.ts'

/** SQL with its parameters. Nothing that a client sends is in the text, but names looked up in the catalogue. */
export interface Select {
  readonly text: string
  readonly values: unknown[]
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Selects `columns` (SQL over the alias `t`) of the rows that a query shows, in its order. Null: of all rows. */
export function filteredSelect(
  relation: RelationInfo,
  query: Query | null,
  columns: string,
  values: unknown[],
): Select {
  const where = query?.where ? ` where ${predicateSql(query.where, relation, values)}` : ''
  const order = query?.orderBy.length
    ? query.orderBy
    : relation.keyColumns.map((column) => ({ column, direction: 'asc' as const }))
  const orderBy = ` order by ${order.map(({ column, direction }) => `t.${quote(column)} ${direction}`).join(', ')}`
  const limit = query?.limit ? ` limit ${query.limit}` : ''
  return { text: `select ${columns} from ${relation.sqlName} as t${where}${orderBy}${limit}`, values }
}

/** Selects `columns` of the rows with the given keys, as far as they exist and match the query. */
export function selectByKeys(
  relation: RelationInfo,
  query: Query | null,
  columns: string,
  keys: readonly KeyText[],
): Select {
  const values: unknown[] = [`[${keys.join(',')}]`]
  const condition = relation.keyColumns.map(
    (column, i) => `t.${quote(column)} = (k.key->>${i})::${typeOf(relation, column)}`,
  )
  const where = query?.where ? ` where ${predicateSql(query.where, relation, values)}` : ''
  return {
    text: `select ${columns} from json_array_elements($1::json) as k (key) join ${relation.sqlName} as t on ${condition.join(' and ')}${where}`,
    values,
  }
}

/** A condition over `t` that only the row with this key meets. */
export function keyCondition(relation: RelationInfo, key: KeyText, values: unknown[]): string {
  const parts = JSON.parse(key) as Value[]
  return relation.keyColumns
    .map((column, i) => {
      const part = parts[i] ?? null
      values.push(typeof part === 'object' ? JSON.stringify(part) : String(part))
      return `t.${quote(column)} = ($${values.length}::text)::${typeOf(relation, column)}`
    })
    .join(' and ')
}

function typeOf(relation: RelationInfo, column: string): string {
  const info = relation.columns.get(column)
  if (!info) throw new Error(`${relation.name} has no column ${column}`)
  return info.type
}

const comparisons = {
  eq: '=',
  ne: '<>',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  like: 'like',
  ilike: 'ilike',
} as const

function predicateSql(predicate: Predicate, relation: RelationInfo, values: unknown[]): string {
  if ('and' in predicate)
    return `(${predicate.and.map((part) => predicateSql(part, relation, values)).join(' and ')})`
  if ('or' in predicate)
    return `(${predicate.or.map((part) => predicateSql(part, relation, values)).join(' or ')})`
  if ('not' in predicate) return `(not ${predicateSql(predicate.not, relation, values)})`
  const { column, op, value } = predicate
  const name = `t.${quote(column)}`
  switch (op) {
    case 'is_null':
      return `(${name} is ${value === true ? '' : 'not '}null)`
    case 'in':
      values.push((value as Value[]).map(parameter))
      return `(${name} = any (($${values.length}::text[])::${typeOf(relation, column)}[]))`
    case 'like':
    case 'ilike':
      values.push(value)
      return `(${name}::text ${comparisons[op]} $${values.length}::text)`
    default:
      values.push(parameter(value))
      return `(${name} ${comparisons[op]} ($${values.length}::text)::${typeOf(relation, column)})`
  }
}

function parameter(value: Value): string | null {
  return value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value)
}
