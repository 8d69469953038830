import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { KeyText } from '../../shared/change.ts'
import { RowcastError, sqlStates } from '../../shared/errors.ts'
import { isRefusal, lockNotAvailable, sqlStateOf, tellable } from '../db/failures.ts'
import { formatColumnId, formatFieldId, formatRowId } from '../../shared/identifiers.ts'
import type { Subscription, SubscriptionId } from '../../shared/subscription.ts'
import { assume, type Identity } from '../session/identity.ts'
import { canonicalKey, canonicalQuery } from './canonical.ts'
import { readRelation, type RelationInfo } from './catalogue.ts'
import type { Query } from './query.ts'
import { asQuery, filteredSelect, type Select } from './select.ts'
import { sightOf, type Sight } from './sight.ts'

/** A subscription as the server understands it: names resolved, values in their one canonical form. */
export type Definition = Meaning & {
  /** Who sees the same of it. */
  readonly sight: Sight
}

/** What a subscription means to all of one role. */
export type Meaning = { readonly id: SubscriptionId; readonly relation: RelationInfo } & (
  | { readonly kind: 'table'; readonly query: Query | null }
  | { readonly kind: 'column'; readonly column: string }
  | { readonly kind: 'row'; readonly key: KeyText }
  | { readonly kind: 'field'; readonly key: KeyText; readonly column: string }
)

/**
 * Resolves what a client asks for, as its identity may read it.
 *
 * @throws {RowcastError} as `meaningOf`, and `permission_denied`
 */
export async function define(
  pool: pg.Pool,
  subscription: Subscription,
  identity: Identity,
): Promise<Definition> {
  const meaning = await meaningOf(pool, subscription, identity, {
    relationOf: (relation, column) => readRelation(pool, relation, column, identity),
    tryOut: (relation, select) => tryOut(pool, relation, select, identity),
  })
  return { ...meaning, sight: await sightOf(pool, meaning.relation, identity) }
}

/** What is asked of PostgreSQL for an identity that wants to follow something. Many ask the same. */
export interface Lookups {
  /** What a relation is to it, or to it with one column. */
  relationOf(relation: string, column: string | null): Promise<RelationInfo>
  /** As `tryOut`. Which values a filter compares with is no matter: each is known to be one of its column's type. */
  tryOut(relation: RelationInfo, select: Select): Promise<void>
}

/**
 * Resolves what somebody of a role asks for.
 *
 * The id is canonical: `person` and `public.person`, key 5 and key `'5'`, conditions in another order
 * give the same id, in every session and on every server, so that they share one encoding.
 *
 * @throws {RowcastError} what `readRelation` throws, `invalid_key` or `invalid_filter`.
 */
export async function meaningOf(
  pool: pg.Pool,
  subscription: Subscription,
  identity: Identity,
  { relationOf, tryOut }: Lookups,
): Promise<Meaning> {
  const relation = await relationOf(
    subscription.relation,
    'column' in subscription ? subscription.column : null,
  )
  switch (subscription.kind) {
    case 'column':
      return {
        id: idOf('column', formatColumnId({ ...relation, column: subscription.column })),
        kind: 'column',
        relation,
        column: subscription.column,
      }
    case 'row': {
      const key = await canonicalKey(pool, identity, relation, subscription.key)
      return {
        id: idOf('row', formatRowId({ ...relation, key: JSON.parse(key) })),
        kind: 'row',
        relation,
        key,
      }
    }
    case 'field': {
      const key = await canonicalKey(pool, identity, relation, subscription.key)
      const { column } = subscription
      const id = idOf('field', formatFieldId({ ...relation, key: JSON.parse(key), column }))
      return { id, kind: 'field', relation, key, column }
    }
    case 'table': {
      const { where, orderBy, limit } = subscription
      if (!where && !orderBy && limit === undefined)
        return { id: idOf('table', relation.name), kind: 'table', relation, query: null }
      const query = await canonicalQuery(
        pool,
        identity,
        relation,
        where ?? null,
        orderBy ?? [],
        limit ?? null,
      )
      const id = `query:${relation.name}:${hash(JSON.stringify([query.where, query.orderBy, query.limit])).slice(0, 32)}`
      const meaning: Meaning = { id, kind: 'table', relation, query }
      await tryOut(relation, filteredSelect(relation, query, '1'))
      return meaning
    }
  }
}

/**
 * Differs for rows of another shape, or of another table of the same name; and for rows that row security has chosen: when it
 * is taken off, these are not what the log goes on from.
 */
export function shapeOf({ relation }: Definition): string {
  return `${relation.id} ${relation.shape}${relation.security ? ' secured' : ''}`
}

/** As `event.subscribe_row()` and its like write it: readable, but short, since an id travels with each batch. */
function idOf(kind: Subscription['kind'], text: string): SubscriptionId {
  return Buffer.byteLength(text) > 200 ? `${kind}#${hash(text)}` : `${kind}:${text}`
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A right may be missing on what a policy reads: that has a name, which is not for clients. */
export const notReadable = "a right to read this is missing; the server's log says which"

/** Who follows a locked table is not kept waiting for the answer, but for the rows. */
const lockTimeoutMs = 100

/**
 * Lets PostgreSQL plan a query of a relation as the identity, so that what it would refuse is refused at once.
 *
 * @throws {RowcastError} `permission_denied` or `invalid_filter`
 */
export async function tryOut(
  pool: pg.Pool,
  relation: RelationInfo,
  select: Select,
  identity: Identity,
): Promise<void> {
  const { text, values } = asQuery(select)
  const client = await pool.connect()
  try {
    await client.query(`begin read only; set local lock_timeout = ${lockTimeoutMs}`)
    await assume(client, identity)
    await client.query(`explain ${text}`, values)
  } catch (error) {
    if (error instanceof RowcastError) throw error
    if (sqlStateOf(error) === lockNotAvailable) return // it is refused when it is read, if it is
    if (!isRefusal(error)) throw error
    if (sqlStateOf(error) === sqlStates.permission_denied)
      throw new RowcastError('permission_denied', notReadable, { cause: error })
    throw new RowcastError('invalid_filter', `${relation.name}: ${tellable(error)}`, { cause: error })
  } finally {
    await client.query('rollback').catch(() => undefined)
    client.release()
  }
}
