/** Lets something be done with each thing no more often than once in an interval. */
export class Pace<T extends object> {
  readonly #intervalMs: number
  readonly #takenAt = new WeakMap<T, number>()

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** 0 if it may be done now, and then counts as done; else how long to wait. */
  take(thing: T): number {
    const now = performance.now()
    const waitMs = (this.#takenAt.get(thing) ?? -Infinity) + this.#intervalMs - now
    if (waitMs > 0) return waitMs
    this.#takenAt.set(thing, now)
    return 0
  }
}
