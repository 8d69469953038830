/** The clock may be set meanwhile, and a timer cannot wait for longer than 24 days. */
const longestWaitMs = 60_000

/**
 * Ends what has expired. A timer does so when nothing happens; since it may be late, whoever is about to send calls
 * `endDue` first: nothing is sent to anybody after his time.
 */
export class Expiry<T> {
  readonly #end: (thing: T) => void
  readonly #now: () => number
  readonly #dueAt = new Map<T, number>()
  /** Nothing is due before. */
  #earliest = Infinity
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param now milliseconds since 1970 */
  constructor(end: (thing: T) => void, now: () => number = Date.now) {
    this.#end = end
    this.#now = now
  }

  /** From now on a thing is good until then; undefined: for ever. */
  set(thing: T, dueAt: number | undefined): void {
    if (dueAt === undefined) return this.delete(thing)
    this.#dueAt.set(thing, dueAt)
    if (dueAt >= this.#earliest) return
    this.#earliest = dueAt
    this.#arm()
  }

  delete(thing: T): void {
    this.#dueAt.delete(thing)
  }

  /** Costs nothing while nothing is due. */
  endDue(): void {
    const now = this.#now()
    if (now < this.#earliest) return
    this.#earliest = Infinity
    const due: T[] = []
    for (const [thing, dueAt] of this.#dueAt)
      if (dueAt <= now) due.push(thing)
      else if (dueAt < this.#earliest) this.#earliest = dueAt
    this.#arm()
    for (const thing of due) {
      this.#dueAt.delete(thing)
      this.#end(thing)
    }
  }

  #arm(): void {
    clearTimeout(this.#timer)
    if (this.#earliest === Infinity) return
    const waitMs = Math.min(this.#earliest - this.#now(), longestWaitMs)
    this.#timer = setTimeout(() => {
      this.endDue()
      this.#arm()
    }, waitMs).unref()
  }
}
