import type pg from 'pg'

/**
 * Connections that read the database as it stood at a batch boundary, beside the log reader. They are few:
 * when all are busy, those who wait for a snapshot wait for a later boundary, and the live stream goes on.
 */
export class SnapshotReaders {
  readonly #pool: pg.Pool
  readonly #size: number
  #busy = 0

  constructor(pool: pg.Pool, size: number) {
    this.#pool = pool
    this.#size = size
  }

  get available(): number {
    return this.#size - this.#busy
  }

  /** Opens up to `count` readers at an exported snapshot. Each must be released. */
  async open(count: number, snapshotId: string): Promise<SnapshotReader[]> {
    const openings = Array.from({ length: Math.min(count, this.available) }, async () => {
      this.#busy += 1
      let client: pg.PoolClient | undefined
      try {
        client = await this.#pool.connect()
        await client.query(
          `begin isolation level repeatable read read only; set transaction snapshot '${snapshotId.replaceAll("'", "''")}'`,
        )
        return new SnapshotReader(client, () => (this.#busy -= 1))
      } catch (error) {
        this.#busy -= 1
        client?.release(true)
        throw error
      }
    })
    const results = await Promise.allSettled(openings)
    const readers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) {
      await Promise.all(readers.map((reader) => reader.release()))
      throw failed.reason
    }
    return readers
  }
}

export class SnapshotReader {
  readonly client: pg.PoolClient
  readonly #onRelease: () => void

  constructor(client: pg.PoolClient, onRelease: () => void) {
    this.client = client
    this.#onRelease = onRelease
  }

  /** Runs work that may fail without ending the snapshot for the work after it, nor leaving its role behind. */
  async attempt<T>(work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    await this.client.query('savepoint attempt')
    try {
      return await work(this.client)
    } finally {
      await this.client.query('rollback to savepoint attempt; release savepoint attempt')
    }
  }

  async release(): Promise<void> {
    try {
      await this.client.query('rollback')
      this.client.release()
    } catch {
      this.client.release(true)
    } finally {
      this.#onRelease()
    }
  }
}
