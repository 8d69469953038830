import type pg from 'pg'
import { readOnly } from '../db/read-only.ts'
import { assume, type Identity } from './identity.ts'

/**
 * Asks PostgreSQL something as an identity, in a transaction of its own in which nothing can be written.
 *
 * @param client if it is one connection, no transaction may be open on it
 * @throws {RowcastError} as `assume`
 */
export async function asIdentity<T>(
  client: pg.Pool | pg.ClientBase,
  identity: Identity,
  ask: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  return readOnly(client, async (client) => {
    await assume(client, identity)
    return ask(client)
  })
}

/** Who needs a table that is locked asks again. */
const lockTimeoutMs = 1_000

/**
 * Asks one question as an identity, in a transaction of its own that writes nothing: also where it reads no table, the
 * types of values may run code of whoever made them.
 *
 * @throws {RowcastError} as `assume`, or PostgreSQL's error
 */
export async function queryAs<R extends pg.QueryResultRow>(
  pool: pg.Pool,
  identity: Identity,
  text: string,
  values: unknown[],
): Promise<R[]> {
  return asIdentity(pool, identity, async (client) => {
    await client.query(`set local lock_timeout = ${lockTimeoutMs}`)
    return (await client.query<R>(text, values)).rows
  })
}
