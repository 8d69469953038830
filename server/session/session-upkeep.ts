import type { Logger } from 'pino'
import type { SessionStore } from './session-store.ts'

export interface SessionUpkeepOptions {
  readonly sessions: Pick<SessionStore, 'renew' | 'clearUp' | 'expireAfterMs'>
  readonly logger: Logger
  /** A session that is attached here is no more. */
  onEnd(session: string): void
  /** Milliseconds of a clock that nobody sets. Default: `performance.now()`. */
  readonly now?: () => number
}

/** `event.is_running` believes a server for three times as long. */
const longestRestMs = 30_000

/**
 * Says again and again that this server runs and what is attached to it, so that nothing of that expires; learns
 * what has been ended meanwhile; and clears up what has expired.
 */
export class SessionUpkeep {
  readonly #options: SessionUpkeepOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  /** How far the database's clock is ahead of ours, and since when it has been. */
  #clock: { readonly aheadMs: number; readonly since: number } | undefined

  constructor(options: SessionUpkeepOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => void this.run(), this.#restMs).unref()
    void this.run()
  }

  get #restMs(): number {
    return Math.min(longestRestMs, this.#options.sessions.expireAfterMs / 3)
  }

  /** At once. While it is under way, asking again is in vain: the next time comes. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run()
      .catch((error: unknown) =>
        this.#options.logger.warn({ err: error }, 'could not renew the sessions; trying again later'),
      )
      .finally(() => (this.#running = undefined))
    return this.#running
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    const { sessions, onEnd, now = () => performance.now() } = this.#options
    const startedAt = now()
    const { ended, clockMs } = await sessions.renew()
    for (const session of ended) onEnd(session)
    // After a jump of the clock everything looks expired, until each server has said again what is not.
    const aheadMs = clockMs - startedAt
    if (!this.#clock || Math.abs(aheadMs - this.#clock.aheadMs) > longestRestMs)
      this.#clock = { aheadMs, since: startedAt }
    else if (startedAt - this.#clock.since >= this.#restMs) await sessions.clearUp()
  }
}
