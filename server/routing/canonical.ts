import type pg from 'pg'
import type { KeyText, Value } from '../../shared/change.ts'
import { RowcastError } from '../../shared/errors.ts'
import type { Order, Predicate } from '../../shared/subscription.ts'
import { isRefusal, tellable } from '../db/failures.ts'
import { queryAs } from '../session/as-identity.ts'
import type { Identity } from '../session/identity.ts'
import { fieldExpression, unknownColumn, type ColumnInfo, type RelationInfo } from './catalogue.ts'
import type { Query } from './query.ts'
import { fromJson, quote } from './select.ts'

/** @throws {RowcastError} `invalid_key`. */
export async function canonicalKey(
  pool: pg.Pool,
  identity: Identity,
  relation: RelationInfo,
  key: readonly Value[],
): Promise<KeyText> {
  const { keyColumns, name } = relation
  if (key.length !== keyColumns.length)
    throw new RowcastError(
      'invalid_key',
      `the key of ${name} is (${keyColumns.join(', ')}), but ${JSON.stringify(key)} has ${key.length} values`,
    )
  const plain = keyColumns.map((column, i) => plainValue(relation.columns.get(column)?.type, key[i] ?? null))
  if (plain.every((value) => value !== undefined)) return JSON.stringify(plain)
  try {
    const [found] = await queryAs<{ key_text: KeyText | null }>(
      pool,
      identity,
      `select key_text from event.resolve_key($1::oid::regclass, $2)`,
      [relation.oid, JSON.stringify(key)],
    )
    if (!found?.key_text) throw new RowcastError('invalid_key', 'a key holds no null')
    return found.key_text
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new RowcastError('invalid_key', `${JSON.stringify(key)} is no key of ${name}: ${tellable(error)}`, {
      cause: error,
    })
  }
}

/**
 * What a filter, an order and a limit ask for, so that equal questions have equal texts.
 *
 * @throws {RowcastError} `invalid_filter` or `column_not_found`.
 */
export async function canonicalQuery(
  pool: pg.Pool,
  identity: Identity,
  relation: RelationInfo,
  where: Predicate | null,
  orderBy: readonly Order[],
  limit: number | null,
): Promise<Query> {
  const columns = new Set<string>(orderBy.map((order) => order.column))
  const predicate = where && (await canonicalPredicate(pool, identity, relation, where, columns))
  for (const column of columns) if (!relation.columns.has(column)) throw unknownColumn(relation.name, column)

  const isOrdered = orderBy.length > 0 || limit !== null
  const named = new Set(orderBy.map((order) => order.column))
  const ties = relation.keyColumns.filter((column) => !named.has(column))
  const last = orderBy.at(-1)?.direction ?? 'asc'
  const total = isOrdered ? [...orderBy, ...ties.map((column) => ({ column, direction: last }))] : []

  const conjuncts = predicate === null ? [] : 'and' in predicate ? predicate.and : [predicate]
  const equalities = conjuncts.flatMap((part) =>
    'column' in part &&
    part.op === 'eq' &&
    part.value !== null &&
    relation.columns.get(part.column)?.isIndexable
      ? [{ column: part.column, value: JSON.stringify(part.value) }]
      : [],
  )
  return {
    where: predicate,
    orderBy: total,
    limit,
    columns,
    equalities,
    isDecidedByEqualities: !isOrdered && equalities.length > 0 && equalities.length === conjuncts.length,
  }
}

/** Values as the change log encodes them, conditions of an `and` or `or` sorted: one text for one meaning. */
async function canonicalPredicate(
  pool: pg.Pool,
  identity: Identity,
  relation: RelationInfo,
  predicate: Predicate,
  columns: Set<string>,
): Promise<Predicate> {
  const inner = (part: Predicate) => canonicalPredicate(pool, identity, relation, part, columns)
  if ('and' in predicate) return { and: sorted(await Promise.all(predicate.and.map(inner))) }
  if ('or' in predicate) return { or: sorted(await Promise.all(predicate.or.map(inner))) }
  if ('not' in predicate) return { not: await inner(predicate.not) }

  const { column, op, value } = predicate
  columns.add(column)
  const info = relation.columns.get(column)
  if (!info) throw unknownColumn(relation.name, column)
  const refuse = (expected: string) => {
    throw new RowcastError(
      'invalid_filter',
      `${column} ${op} ${JSON.stringify(value)}: the value must be ${expected}`,
    )
  }
  switch (op) {
    case 'is_null':
      if (typeof value !== 'boolean') return refuse('true or false')
      return { column, op, value }
    case 'like':
    case 'ilike':
      if (typeof value !== 'string' || /(?<!\\)(\\\\)*\\$/.test(value))
        return refuse('a pattern that does not end in an escape')
      return { column, op, value }
    case 'in':
      if (!Array.isArray(value)) return refuse('a list')
      return { column, op, value: await canonicalValues(pool, identity, relation, column, info, value) }
    default: {
      if (value === null) return refuse('a value; for null use is_null')
      const [canonical = null] = await canonicalValues(pool, identity, relation, column, info, [value])
      return { column, op, value: canonical }
    }
  }
}

function sorted(parts: Predicate[]): Predicate[] {
  return parts
    .map((part) => ({ part, text: JSON.stringify(part) }))
    .sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0))
    .map(({ part }) => part)
}

async function canonicalValues(
  pool: pg.Pool,
  identity: Identity,
  relation: RelationInfo,
  column: string,
  info: ColumnInfo,
  values: readonly Value[],
): Promise<Value[]> {
  const plain = values.map((value) => plainValue(info.type, value))
  if (plain.every((value) => value !== undefined)) return plain
  try {
    const rows = await queryAs<{ field: string }>(
      pool,
      identity,
      `select (${await fieldExpression(pool, relation, column)})::text as field
         from json_array_elements($1::json) with ordinality as v (value, place)
        cross join lateral (select ${fromJson('v.value', info)} as ${quote(column)}) as t order by v.place`,
      [JSON.stringify(values)],
    )
    return rows.map((row) => JSON.parse(row.field)[column] as Value)
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new RowcastError(
      'invalid_filter',
      `${JSON.stringify(values)} does not fit ${relation.name} column ${column}, which is ${info.type}: ${tellable(error)}`,
      { cause: error },
    )
  }
}

/** The canonical form of a value that is in it already, of the commonest types: spares a question to the database. */
function plainValue(type: string | undefined, value: Value): Value | undefined {
  if (type === 'integer' && Number.isInteger(value) && Math.abs(value as number) < 2 ** 31) return value
  if (type === 'bigint' && typeof value === 'string' && /^(0|-?[1-9]\d{0,17})$/.test(value)) return value
  if (type === 'text' && typeof value === 'string' && !value.includes('\0')) return value
  if (
    type === 'uuid' &&
    typeof value === 'string' &&
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value)
  )
    return value
  if (type === 'boolean' && typeof value === 'boolean') return value
  return undefined
}
