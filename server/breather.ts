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

/** Resolves when all has been done that what has resolved or rejected just now brings about at once. */
export function settled(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}
