import type { KeyText, Value } from '../../shared/change.ts'
import type { Predicate } from '../../shared/subscription.ts'
import type { Query } from './query.ts'
import type { ColumnInfo, RelationInfo } from './catalogue.ts'

/** SQL with its parameters. Nothing that a client sends is in the text, but names looked up in the catalogue. */
export interface Select {
  readonly text: string
  readonly values: unknown[]
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Selects `columns` (SQL over the alias `t`) of the rows that a query shows, in its order. Null: of all rows. */
export function filteredSelect(relation: RelationInfo, query: Query | null, columns: string): Select {
  const values: unknown[] = []
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
    (column, i) => `t.${quote(column)} = ${fromJson(`(k.key->${i})`, columnOf(relation, column))}`,
  )
  const where = query?.where ? ` where ${predicateSql(query.where, relation, values)}` : ''
  return {
    text: `select ${columns} from json_array_elements($1::json) as k (key) join ${relation.sqlName} as t on ${condition.join(' and ')}${where}`,
    values,
  }
}

/** A condition over `t` that only the row with this key meets: the key for the index, its text for exactness. */
export function keyCondition(relation: RelationInfo, key: KeyText, values: unknown[]): string {
  values.push(key)
  const place = values.length
  const parts = relation.keyColumns.map(
    (column, i) => `t.${quote(column)} = ${fromJson(`($${place}::json->${i})`, columnOf(relation, column))}`,
  )
  return [...parts, `${relation.keyExpression} = $${place}::text`].join(' and ')
}

/** SQL that makes a value of a column's type of one of type json, encoded as in the change log. */
export function fromJson(json: string, { type, isCompound }: ColumnInfo): string {
  if (type === 'json' || type === 'jsonb') return `(${json})::${type}`
  if (isCompound) return `(select r.v from json_to_record(json_build_object('v', ${json})) as r (v ${type}))`
  return `(${json} #>> '{}')::${type}`
}

function columnOf(relation: RelationInfo, column: string): ColumnInfo {
  const info = relation.columns.get(column)
  if (!info) throw new Error(`${relation.name} has no column ${column}`)
  return info
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
  const parameter = (each: Value) => {
    values.push(JSON.stringify(each))
    return fromJson(`$${values.length}::json`, columnOf(relation, column))
  }
  switch (op) {
    case 'is_null':
      return `(${name} is ${value === true ? '' : 'not '}null)`
    case 'in': {
      const options = (value as readonly Value[]).map(parameter)
      if (options.length === 0) return 'false'
      // An array of arrays would be one array of two dimensions.
      if (columnOf(relation, column).isCompound)
        return `(${options.map((each) => `${name} = ${each}`).join(' or ')})`
      return `(${name} = any (array[${options.join(', ')}]))`
    }
    case 'like':
    case 'ilike':
      values.push(value)
      return `(${name}::text ${comparisons[op]} $${values.length}::text)`
    default:
      return `(${name} ${comparisons[op]} ${parameter(value)})`
  }
}
