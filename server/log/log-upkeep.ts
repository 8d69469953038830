import type pg from 'pg'
import type { Logger } from 'pino'

export interface LogUpkeepOptions {
  readonly pool: pg.Pool
  readonly logger: Logger
}

export interface LogSize {
  readonly parts: number
  readonly bytes: number
}

const intervalMs = 60_000

/**
 * Has what is too old, or too much, taken out of the change log, as `event.retain()` says; and the capture of what has been altered
 * made anew. Every server asks for it; one at a time does it.
 */
export class LogUpkeep {
  readonly #options: LogUpkeepOptions
  #size: LogSize | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(options: LogUpkeepOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => void this.run(), intervalMs).unref()
    this.#running = this.#measure().finally(() => (this.#running = undefined))
  }

  /** Of the change log, as it was a minute ago at the most; undefined before it was first looked at. */
  get size(): LogSize | undefined {
    return this.#size
  }

  /** At once, unless it is under way. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => (this.#running = undefined))
    return this.#running
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  /** What has been altered is captured as rightly without, only slower. Never rejects. */
  async refreshCapture(): Promise<void> {
    const { pool, logger } = this.#options
    const warn = ({ message }: { message?: string | undefined }) => logger.warn(message)
    try {
      const client = await pool.connect()
      client.on('notice', warn)
      try {
        await client.query('select event.refresh_capture()')
      } finally {
        client.off('notice', warn)
        client.release()
      }
    } catch (error) {
      logger.warn({ err: error }, 'could not refresh the capture of changes; trying again later')
    }
  }

  async #run(): Promise<void> {
    const { pool, logger } = this.#options
    await this.refreshCapture()
    try {
      const { rows } = await pool.query('select did, part, bytes, reason from event.tend_log()')
      for (const row of rows) logger.info(row, 'tended the change log')
    } catch (error) {
      logger.warn({ err: error }, 'could not tend the change log; trying again later')
    }
    await this.#measure()
  }

  async #measure(): Promise<void> {
    const { pool, logger } = this.#options
    try {
      const { rows } = await pool.query(
        'select count(*)::int as parts, coalesce(sum(bytes), 0)::float8 as bytes from event.log_status()',
      )
      this.#size = rows[0]
    } catch (error) {
      logger.warn({ err: error }, 'could not measure the change log; trying again later')
    }
  }
}
