/** A second's worth of bytes is no measure for a page that comes back and says all that it follows. */
const bytesAtOnceFactor = 10

/** For characters that somebody sends. */
export function byteBucket(perSecond: number): TokenBucket {
  return new TokenBucket(perSecond, perSecond * bytesAtOnceFactor)
}

/** Lets so much through in the long run, and more at once after a rest. */
export class TokenBucket {
  readonly #perSecond: number
  readonly #atOnce: number
  readonly #now: () => number
  #tokens: number
  #filledAt: number

  /** @param now milliseconds of a clock that never goes back */
  constructor(perSecond: number, atOnce: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#atOnce = perSecond === Infinity ? Infinity : atOnce
    this.#now = now
    this.#tokens = this.#atOnce
    this.#filledAt = now()
  }

  /** Nothing, or only what has come in again since, has been taken of it. */
  get isFull(): boolean {
    this.#fill()
    return this.#tokens === this.#atOnce
  }

  /** Takes so many, or none and answers false. What is dearer than the bucket is large takes all of a full one. */
  take(count = 1): boolean {
    this.#fill()
    const taken = Math.min(count, this.#atOnce)
    if (this.#tokens < taken) return false
    this.#tokens -= taken
    return true
  }

  #fill(): void {
    const now = this.#now()
    const seconds = (now - this.#filledAt) / 1000
    this.#filledAt = now
    if (this.#tokens < this.#atOnce)
      this.#tokens = Math.min(this.#atOnce, this.#tokens + seconds * this.#perSecond)
  }
}
