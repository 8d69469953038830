import type { Logger } from 'pino'
import type { SessionStore } from './session-store.ts'

export interface SessionUpkeepOptions {
  readonly sessions: Pick<SessionStore, 'renew' | 'forgetExpired' | 'expireAfterMs'>
  readonly logger: Logger
  /** A session that is attached here is no more. */
  onEnd(session: string): void
}

/** `event.is_attached` believes for three times as long that a server runs. */
const longestRestMs = 30_000

/**
 * Says again and again that this server runs and what is attached to it, so that nothing of that expires; learns
 * what has been ended meanwhile; and has expired sessions deleted.
 */
export class SessionUpkeep {
  readonly #options: SessionUpkeepOptions
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  constructor(options: SessionUpkeepOptions) {
    this.#options = options
  }

  start(): void {
    const { expireAfterMs } = this.#options.sessions
    this.#timer = setInterval(() => void this.run(), Math.min(longestRestMs, expireAfterMs / 3)).unref()
    void this.run()
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
    const { sessions, onEnd } = this.#options
    // First, or what is attached here might expire in this moment.
    for (const session of await sessions.renew()) onEnd(session)
    await sessions.forgetExpired()
  }
}
