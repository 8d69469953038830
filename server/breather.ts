/**
 * So long others wait at the most, about: heartbeats, requests, and whoever is served besides. What the event loop does in one go
 * is to be 20 ms, and garbage is collected on top.
 */
const turnMs = 5

/**
 * Lets others have their turn in the middle of long work. What has been looked up before a rest may be another thing after it.
 *
 * @example
 * const breather = new Breather()
 * for (const each of many) {
 *   if (breather.isDue) await breather.rest()
 *   work(each)
 * }
 */
export class Breather {
  #startedAt = performance.now()

  /** It has been at work for long enough. Costs next to nothing to ask. */
  get isDue(): boolean {
    return performance.now() - this.#startedAt >= turnMs
  }

  /** Resolves when whatever else was ready has had its turn. */
  async rest(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve))
    this.#startedAt = performance.now()
  }
}

/**
 * Lets those who wait go on one after the other, in the order in which they came. The event loop takes in what thousands of
 * sockets have for it in one go, and looks at nothing else meanwhile: what is to be done with it has its turns here.
 */
export class Turns {
  #waiting: (() => void)[] = []
  #isGiving = false

  /** Resolves when it is the caller's turn, soon. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#isGiving) return
      this.#isGiving = true
      setImmediate(() => void this.#give())
    })
  }

  async #give(): Promise<void> {
    while (this.#waiting.length > 0) await inTurns(this.#waiting.splice(0), (resolve) => resolve())
    this.#isGiving = false
  }
}

/** Tells each of many something, of which each may make much at once: it has done so before the next one is told. */
export async function inTurns<T>(many: readonly T[], tell: (each: T, index: number) => void): Promise<void> {
  const breather = new Breather()
  for (const [i, each] of many.entries()) {
    if (breather.isDue) await breather.rest()
    tell(each, i)
    await settled()
  }
}

/** Resolves when all has been done that what has resolved or rejected just now brings about at once. */
function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
