/** Tells the server from time to time how far the client has come, and when the page is left. */
export class Acknowledger {
  readonly #intervalMs: number
  readonly #acknowledge: () => void
  #timer: ReturnType<typeof setTimeout> | undefined
  #isRunning = false

  constructor(intervalMs: number, acknowledge: () => void) {
    this.#intervalMs = intervalMs
    this.#acknowledge = acknowledge
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    globalThis.addEventListener?.('pagehide', this.#flush)
  }

  stop(): void {
    this.#flush()
    this.#isRunning = false
    globalThis.removeEventListener?.('pagehide', this.#flush)
  }

  /** The position has moved, as that of all other clients may have: they do not all speak at once. */
  moved(): void {
    if (this.#isRunning) this.#timer ??= setTimeout(this.#flush, this.#intervalMs * (0.5 + Math.random()))
  }

  readonly #flush = (): void => {
    if (this.#timer === undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#acknowledge()
  }
}
