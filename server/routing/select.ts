import type { KeyText, Value } from '../../shared/change.ts'
import type { Predicate } from '../../shared/subscription.ts'
import type { Query } from './query.ts'
import type { ColumnInfo, RelationInfo } from './catalogue.ts'

/**
 * SQL with its arguments, which are the elements of one array: `($1::text[])[1]` and so on. Nothing that a client sends is
 * in the text, but names looked up in the catalogue.
 */
export interface Select {
  readonly text: string
  readonly values: readonly string[]
}

/** As node-postgres takes it. */
export function asQuery({ text, values }: Select): { text: string; values: unknown[] } {
  return { text, values: values.length > 0 ? [values] : [] }
}

/** SQL of one more argument, of type text. */
function argument(values: string[], value: string): string {
  values.push(value)
  return `($1::text[])[${values.length}]`
}

export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * Selects `columns` (SQL over the alias `t`) of the rows that a query shows, in its order. Null: of all rows.
 *
 * @param values the arguments of other selects of the same statement; its own come after them
 */
export function filteredSelect(
  relation: RelationInfo,
  query: Query | null,
  columns: string,
  values: string[] = [],
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
  const values: string[] = []
  const each = `json_array_elements(${argument(values, `[${keys.join(',')}]`)}::json) as k (key)`
  const parts = keyParts(relation, 'k.key')
  const joined = parts.map(({ name, equals, part }) => `${name} ${equals} ${part}`)
  // Whatever the planner thinks of how many keys there are, it finds them by the primary key.
  const found = parts.map(
    ({ name, equals, part }) => `${name} ${equals} any (array(select ${part} from ${each}))`,
  )
  const where = query?.where ? [predicateSql(query.where, relation, values)] : []
  return {
    text: `select ${columns} from ${each} join ${relation.sqlName} as t on ${joined.join(' and ')} where ${[...found, ...where].join(' and ')}`,
    values,
  }
}

/** Selects `columns` of the row with a key: found by the index, and just that one. */
export function selectByKey(
  relation: RelationInfo,
  columns: string,
  key: KeyText,
  values: string[] = [],
): Select {
  const value = argument(values, key)
  const parts = keyParts(relation, `${value}::json`).map(
    ({ name, equals, part }) => `${name} ${equals} ${part}`,
  )
  const condition = [...parts, `${relation.keyExpression} = ${value}`].join(' and ')
  return { text: `select ${columns} from ${relation.sqlName} as t where ${condition}`, values }
}

/** SQL of each key column, of the operator that finds it, and of its value in the JSON of a key. */
function keyParts(relation: RelationInfo, key: string): { name: string; equals: string; part: string }[] {
  return relation.keyColumns.map((column, i) => {
    const info = columnOf(relation, column)
    return { name: `t.${quote(column)}`, equals: info.equals, part: fromJson(`(${key}->${i})`, info) }
  })
}

/** SQL that makes a value of a column's type of one of type json, encoded as in the change log. */
export function fromJson(json: string, { type, isCompound }: ColumnInfo): string {
  if (type === 'json' || type === 'jsonb') return `(${json})::${type}`
  if (isCompound)
    return `(select r.v from pg_catalog.json_to_record(pg_catalog.json_build_object('v', ${json})) as r (v ${type}))`
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

function predicateSql(predicate: Predicate, relation: RelationInfo, values: string[]): string {
  if ('and' in predicate)
    return `(${predicate.and.map((part) => predicateSql(part, relation, values)).join(' and ')})`
  if ('or' in predicate)
    return `(${predicate.or.map((part) => predicateSql(part, relation, values)).join(' or ')})`
  if ('not' in predicate) return `(not ${predicateSql(predicate.not, relation, values)})`
  const { column, op, value } = predicate
  const name = `t.${quote(column)}`
  const parameter = (each: Value) =>
    fromJson(`${argument(values, JSON.stringify(each))}::json`, columnOf(relation, column))
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
      return `(${name}::text ${comparisons[op]} ${argument(values, String(value))})`
    default:
      return `(${name} ${comparisons[op]} ${parameter(value)})`
  }
}
