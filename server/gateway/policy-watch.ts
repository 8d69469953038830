import type { Logger } from 'pino'
import type { Following } from './following.ts'

/** Who sees what is asked again this often, where it depends on what no log tells. */
const recheckMs = 500

export interface PolicyWatchParts {
  readonly following: Following
  readonly logger: Logger
  /** Brings the next boundary about. */
  readonly wake: () => void
}

/**
 * Has policies asked again every now and then that read what no log tells: the time, or a table that is not tracked.
 */
export class PolicyWatch {
  readonly #parts: PolicyWatchParts
  readonly #warned = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(parts: PolicyWatchParts) {
    this.#parts = parts
  }

  start(): void {
    this.#timer = setInterval(() => this.#recheck(), recheckMs)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #recheck(): void {
    const { following, wake } = this.#parts
    let isAny = false
    for (const { relation, unobserved } of following.routes.aspects) {
      if (unobserved.length === 0) continue
      this.#warn(relation.name, unobserved)
      following.recheck(relation.id)
      isAny = true
    }
    if (isAny) wake()
  }

  #warn(relation: string, reads: readonly string[]): void {
    const name = JSON.stringify([relation, reads])
    if (this.#warned.has(name)) return
    this.#warned.add(name)
    this.#parts.logger.warn(
      { relation, reads, everyMs: recheckMs },
      `the policies of ${relation} depend on what no change log tells, so all who follow it are asked again all the time: ` +
        `track the tables that they read`,
    )
  }
}
