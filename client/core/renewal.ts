/** It is renewed this long before it expires, at the earliest, and at the latest when half of the time is over. */
const earlyMs = 120_000
/** A timer may have slept: it looks at the clock this often. */
const lookMs = 60_000

/**
 * Says when it is time to renew what expires: early, each client at a moment of its own, and again and again while
 * that fails, always after half of the time that is left.
 */
export class Renewal {
  readonly #renew: () => void
  readonly #minWaitMs: number
  #expiresAt = Infinity
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param minWaitMs between two attempts; with less than that left there is no other */
  constructor(renew: () => void, minWaitMs: number) {
    this.#renew = renew
    this.#minWaitMs = minWaitMs
  }

  /** It is good for so long; undefined: for ever. */
  start(expiresInMs: number | undefined): void {
    this.#expiresAt = Date.now() + (expiresInMs ?? Infinity)
    this.retry()
  }

  /** It could not be renewed, this time. */
  retry(): void {
    clearTimeout(this.#timer)
    const leftMs = this.#expiresAt - Date.now()
    if (leftMs === Infinity || leftMs < this.#minWaitMs) return
    const waitMs = leftMs - Math.min(earlyMs, leftMs / 2) * (0.5 + Math.random() / 2)
    this.#wait(Date.now() + Math.max(waitMs, this.#minWaitMs))
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#expiresAt = Infinity
  }

  #wait(until: number): void {
    this.#timer = setTimeout(
      () => (Date.now() < until ? this.#wait(until) : this.#renew()),
      Math.min(until - Date.now(), lookMs),
    )
  }
}
