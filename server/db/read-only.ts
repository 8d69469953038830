import pg from 'pg'

/**
 * Asks PostgreSQL something in a transaction of its own in which nothing can be written.
 *
 * @param client if it is one connection, no transaction may be open on it
 */
export async function readOnly<T>(
  client: pg.Pool | pg.ClientBase,
  ask: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  if (!(client instanceof pg.Pool)) return inTransaction(client, ask)
  const one = await client.connect()
  try {
    return await inTransaction(one, ask)
  } finally {
    one.release()
  }
}

async function inTransaction<T>(
  client: pg.ClientBase,
  ask: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  try {
    await client.query('begin read only')
    return await ask(client)
  } finally {
    await client.query('rollback').catch(() => undefined)
  }
}
