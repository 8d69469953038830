import type pg from 'pg'

/** The snapshot in which a connection reads now, as text. */
export async function snapshotOf(client: pg.ClientBase): Promise<string> {
  return (await client.query('select pg_current_snapshot()::text as now')).rows[0].now
}

/** Does something in one snapshot, of which nothing is left afterwards. */
export async function inOneSnapshot<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin isolation level repeatable read')
    return await work(client)
  } finally {
    await client.query('rollback')
    client.release()
  }
}
