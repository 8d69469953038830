import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { KeyText, Value } from '../../shared/change.ts'
import { RowcastError } from '../../shared/errors.ts'
import type { Order, Predicate, Subscription, SubscriptionId } from '../../shared/subscription.ts'
import { assume, type Identity } from '../session/identity.ts'
import { loadRelation, readRelation, type RelationInfo } from './catalogue.ts'
import { filteredSelect, quote } from './select.ts'

/** What a filtered, ordered or limited table subscription asks for, in canonical form. */
export interface Query {
  readonly where: Predicate | null
  /** Ends with the primary key, so that the order is total; empty when no order and no limit was asked for. */
  readonly orderBy: readonly Order[]
  readonly limit: number | null
  /** The columns that decide whether and where a row is shown. */
  readonly columns: ReadonlySet<string>
  /** Conditions that each row must meet and an index can decide: column and JSON of the value. */
  readonly equalities: readonly { readonly column: string; readonly value: string }[]
  /** The equalities are the whole filter, and there is neither order nor limit: no need to ask the database. */
  readonly isDecidedByEqualities: boolean
}

/** A subscription as the server understands it: names resolved, values in their one canonical form. */
export type Definition = { readonly id: SubscriptionId; readonly relation: RelationInfo } & (
  | { readonly kind: 'table'; readonly query: Query | null }
  | { readonly kind: 'column'; readonly column: string }
  | { readonly kind: 'row'; readonly key: KeyText }
  | { readonly kind: 'field'; readonly key: KeyText; readonly column: string }
)

/**
 * Resolves what a client asks for, as its identity may read it.
 *
 * The id is canonical: `person` and `public.person`, key 5 and key `'5'`, conditions in another order
 * give the same id, in every session and on every server, so that they share one encoding.
 *
 * @throws {RowcastError} what `readRelation` throws, `invalid_key` or `invalid_filter`.
 */
export async function define(
  pool: pg.Pool,
  subscription: Subscription,
  identity: Identity,
): Promise<Definition> {
  const column = 'column' in subscription ? subscription.column : null
  const relation = await readRelation(pool, subscription.relation, column, identity)
  switch (subscription.kind) {
    case 'column':
      return {
        id: `column:${relation.name}:${subscription.column}`,
        kind: 'column',
        relation,
        column: subscription.column,
      }
    case 'row': {
      const key = await canonicalKey(pool, relation, subscription.key)
      return { id: shortened('row', `${relation.name}:${key}`), kind: 'row', relation, key }
    }
    case 'field': {
      const key = await canonicalKey(pool, relation, subscription.key)
      const id = shortened('field', `${relation.name}:${key}:${subscription.column}`)
      return { id, kind: 'field', relation, key, column: subscription.column }
    }
    case 'table': {
      const { where, orderBy, limit } = subscription
      if (!where && !orderBy && limit === undefined)
        return { id: `table:${relation.name}`, kind: 'table', relation, query: null }
      const query = await canonicalQuery(pool, relation, where ?? null, orderBy ?? [], limit ?? null)
      const id = `query:${relation.name}:${hash(JSON.stringify([query.where, query.orderBy, query.limit]))}`
      const definition: Definition = { id, kind: 'table', relation, query }
      await tryOut(pool, relation, query, identity)
      return definition
    }
  }
}

/** The same subscription after its relation has changed its shape. @throws {RowcastError} if it no longer makes sense. */
export async function redefine(client: pg.ClientBase, definition: Definition): Promise<Definition> {
  const relation = await loadRelation(client, definition.relation.oid)
  const columns =
    'column' in definition
      ? [definition.column]
      : definition.kind === 'table'
        ? [...(definition.query?.columns ?? [])]
        : []
  for (const column of columns)
    if (!relation.columns.has(column))
      throw new RowcastError('column_not_found', `${relation.name} has no column ${column} any more`)
  return { ...definition, relation }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}

function shortened(kind: string, text: string): SubscriptionId {
  return text.length > 200 ? `${kind}#${hash(text)}` : `${kind}:${text}`
}

async function canonicalKey(pool: pg.Pool, relation: RelationInfo, key: readonly Value[]): Promise<KeyText> {
  const { keyColumns, name } = relation
  if (key.length !== keyColumns.length)
    throw new RowcastError(
      'invalid_key',
      `the key of ${name} is (${keyColumns.join(', ')}), but ${JSON.stringify(key)} has ${key.length} values`,
    )
  const plain = keyColumns.map((column, i) => plainValue(relation.columns.get(column)?.type, key[i] ?? null))
  if (plain.every((value) => value !== undefined)) return JSON.stringify(plain)
  const columns = keyColumns.map(
    (column, i) => `($${i + 1}::text)::${relation.columns.get(column)?.type} as ${quote(column)}`,
  )
  try {
    const { rows } = await pool.query(
      `select ${relation.keyExpression} as key from (select ${columns.join(', ')}) as t`,
      key.map(asText),
    )
    if (rows[0].key === null) throw new Error('a key holds no null')
    return rows[0].key
  } catch (error) {
    throw new RowcastError(
      'invalid_key',
      `${JSON.stringify(key)} is no key of ${name}: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

async function canonicalQuery(
  pool: pg.Pool,
  relation: RelationInfo,
  where: Predicate | null,
  orderBy: readonly Order[],
  limit: number | null,
): Promise<Query> {
  const columns = new Set<string>(orderBy.map((order) => order.column))
  const predicate = where && (await canonicalPredicate(pool, relation, where, columns))
  for (const column of columns)
    if (!relation.columns.has(column))
      throw new RowcastError('column_not_found', `${relation.name} has no column ${column}`)

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
  relation: RelationInfo,
  predicate: Predicate,
  columns: Set<string>,
): Promise<Predicate> {
  const inner = (part: Predicate) => canonicalPredicate(pool, relation, part, columns)
  if ('and' in predicate) return { and: sorted(await Promise.all(predicate.and.map(inner))) }
  if ('or' in predicate) return { or: sorted(await Promise.all(predicate.or.map(inner))) }
  if ('not' in predicate) return { not: await inner(predicate.not) }

  const { column, op, value } = predicate
  columns.add(column)
  const info = relation.columns.get(column)
  if (!info) throw new RowcastError('column_not_found', `${relation.name} has no column ${column}`)
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
      if (typeof value !== 'string') return refuse('a pattern')
      return { column, op, value }
    case 'in':
      if (!Array.isArray(value)) return refuse('a list')
      return { column, op, value: await canonicalValues(pool, relation, column, info.type, value) }
    default: {
      if (value === null) return refuse('a value; for null use is_null')
      const [canonical = null] = await canonicalValues(pool, relation, column, info.type, [value])
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
  relation: RelationInfo,
  column: string,
  type: string,
  values: readonly Value[],
): Promise<Value[]> {
  const plain = values.map((value) => plainValue(type, value))
  if (plain.every((value) => value !== undefined)) return plain
  try {
    const { rows } = await pool.query(
      `select ${(await fieldExpression(pool, relation, column)).sql}::text as field
         from unnest($1::text[]) with ordinality as v (value, place)
        cross join lateral (select (v.value)::${type} as ${quote(column)}) as t order by v.place`,
      [values.map(asText)],
    )
    return rows.map((row) => JSON.parse(row.field)[column] as Value)
  } catch (error) {
    throw new RowcastError(
      'invalid_filter',
      `${JSON.stringify(values)} does not fit ${relation.name} column ${column}, which is ${type}: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

/** SQL over the alias `t` that gives `{column: value}` as JSON. */
export async function fieldExpression(
  client: pg.ClientBase | pg.Pool,
  relation: RelationInfo,
  column: string,
): Promise<{ sql: string }> {
  const { rows } = await client.query(`select event.field_expression($1::oid::regclass, 't', $2) as sql`, [
    relation.oid,
    column,
  ])
  return rows[0]
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

function asText(value: Value): string | null {
  return value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Lets PostgreSQL plan the query as the identity, so that what it would refuse is refused at once and by its own words. */
async function tryOut(
  pool: pg.Pool,
  relation: RelationInfo,
  query: Query,
  identity: Identity,
): Promise<void> {
  const { text, values } = filteredSelect(relation, query, '1', [])
  const client = await pool.connect()
  try {
    await client.query('begin read only')
    await assume(client, identity)
    await client.query(`explain ${text}`, values)
  } catch (error) {
    if (error instanceof RowcastError) throw error
    const code = (error as { code?: string }).code
    if (code === '42501') throw new RowcastError('permission_denied', messageOf(error), { cause: error })
    if (code === undefined || !/^(22|42)/.test(code)) throw error
    throw new RowcastError('invalid_filter', `${relation.name}: ${messageOf(error)}`, { cause: error })
  } finally {
    await client.query('rollback').catch(() => undefined)
    client.release()
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
