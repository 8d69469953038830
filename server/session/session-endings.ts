import type pg from 'pg'
import type { Logger } from 'pino'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectEncoding, type Database } from '../db/pool.ts'

export interface SessionEndingsOptions {
  readonly database: Database
  readonly logger: Logger
  /** A session of a browser's, of whatever server, is no more. */
  onEnd(session: string): void
  /** Listening begins, or begins again: what has ended before has not been told. */
  onListening(): void
}

const askMs = 5_000
const reconnectDelaysMs = [100, 500, 1_000, 2_000, 5_000]

/**
 * Listens for the end of sessions, which any server, or anybody in SQL, may bring about.
 *
 * It only makes for speed: what is missed while the connection is away, `SessionUpkeep` finds.
 */
export class SessionEndings {
  readonly #options: SessionEndingsOptions
  readonly #closing = new AbortController()
  #client: pg.Client | undefined
  #running: Promise<void> | undefined

  constructor(options: SessionEndingsOptions) {
    this.#options = options
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#client?.end().catch(() => undefined)
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    for (let failures = 0; !signal.aborted; failures++) {
      let reason: unknown
      try {
        await this.#listen(() => (failures = 0))
      } catch (error) {
        reason = error
      }
      if (signal.aborted) return
      const delayMs = reconnectDelaysMs[Math.min(failures, reconnectDelaysMs.length - 1)]
      this.#options.logger.warn(
        { err: reason, delayMs },
        'lost the database while listening for sessions that end; trying again',
      )
      await sleep(delayMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Resolves, or rejects, when the connection has gone. */
  async #listen(onSuccess: () => void): Promise<void> {
    const client = await connectEncoding(this.#options.database)
    this.#client = client
    const gone = new Promise<void>((resolve, reject) => {
      client.on('error', reject)
      client.on('end', resolve)
    })
    gone.catch(() => undefined) // whoever waits for it, if anybody does, is told
    client.on('notification', ({ payload }) => this.#options.onEnd(payload ?? ''))
    // One that only listens would not notice that its other end has gone without a word.
    const asking = setInterval(() => client.query('select').catch(() => undefined), askMs).unref()
    try {
      if (this.#closing.signal.aborted) return
      await client.query('listen rowcast_session')
      onSuccess()
      this.#options.onListening()
      await gone
    } finally {
      clearInterval(asking)
      await client.end().catch(() => undefined)
    }
  }
}
