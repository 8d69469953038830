import type pg from 'pg'

/** A table that is just being altered is read another time: others wait for the reader. */
const lockTimeoutMs = 1_000

/**
 * Connections that read the database as it stood at a batch boundary, beside the log reader. They are few:
 * when all are busy, those who wait for a snapshot wait for a later boundary, and the live stream goes on.
 * As many again may linger: they wait for a slow client, and are not counted among the busy.
 */
export class SnapshotReaders {
  readonly #pool: pg.Pool
  readonly #size: number
  #busy = 0
  #lingering = 0

  /** @param pool of twice the size */
  constructor(pool: pg.Pool, size: number) {
    this.#pool = pool
    this.#size = size
  }

  get available(): number {
    return this.#size - this.#busy
  }

  /** Whether there is a place for one more that waits for a slow client. */
  get mayLinger(): boolean {
    return this.#lingering < this.#size
  }

  /** Opens up to `count` readers at an exported snapshot. Each must be released. */
  async open(count: number, snapshotId: string): Promise<SnapshotReader[]> {
    const openings = Array.from({ length: Math.min(count, this.available) }, async () => {
      this.#busy += 1
      let client: pg.PoolClient | undefined
      try {
        client = await this.#pool.connect()
        await client.query(
          `begin isolation level repeatable read read only; set transaction snapshot '${snapshotId.replaceAll("'", "''")}';
           set local lock_timeout = ${lockTimeoutMs}`,
        )
        return this.#readerOn(client)
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

  #readerOn(client: pg.PoolClient): SnapshotReader {
    let isLingering = false
    return new SnapshotReader(client, {
      linger: () => {
        if (isLingering || !this.mayLinger) return isLingering
        isLingering = true
        this.#lingering += 1
        this.#busy -= 1
        return true
      },
      release: () => {
        if (isLingering) this.#lingering -= 1
        else this.#busy -= 1
      },
    })
  }
}

export class SnapshotReader {
  readonly client: pg.PoolClient
  readonly #place: { linger(): boolean; release(): void }

  constructor(client: pg.PoolClient, place: { linger(): boolean; release(): void }) {
    this.client = client
    this.#place = place
  }

  /** Asks to take longer, because a client is slow, without keeping others waiting. False if too many do. */
  linger(): boolean {
    return this.#place.linger()
  }

  /**
   * Runs work that may fail without ending the snapshot for the work after it, nor leaving its role behind.
   *
   * @param setting a statement that holds for this work only
   */
  async attempt<T>(work: (client: pg.ClientBase) => Promise<T>, setting = ''): Promise<T> {
    await this.client.query(`savepoint attempt; ${setting}`)
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
      this.#place.release()
    }
  }
}
