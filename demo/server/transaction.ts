import type { Pool, PoolClient } from 'pg'

/** All that `work` does happens at once, or, if it throws, not at all. */
export async function transaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    client.release()
    return result
  } catch (error) {
    const isOver = await client.query('rollback').then(
      () => true,
      () => false,
    )
    client.release(!isOver) // one whose transaction may still be open is not for the next caller
    throw error
  }
}
