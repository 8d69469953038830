import type pg from 'pg'
import { assume, type Identity } from '../session/identity.ts'

/** Asks PostgreSQL something as an identity, in a transaction of its own in which nothing can be written. */
export async function asIdentity<T>(
  pool: pg.Pool,
  identity: Identity,
  ask: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin read only')
    await assume(client, identity)
    return await ask(client)
  } finally {
    await client.query('rollback').catch(() => undefined)
    client.release()
  }
}
