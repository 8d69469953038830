import type { Frames } from './page-frames.ts'

/**
 * Hands on what arrives, so that a page renders no more than once a frame: the first at once, and what comes before
 * the next frame together, when that begins. It could not have been painted sooner, and what rendering costs beyond the rows
 * themselves, such as looking which of a thousand siblings have changed, is paid once for all. Order is kept.
 */
export class FrameQueue<T> {
  readonly #frames: Frames
  readonly #handle: (items: readonly T[]) => void
  #waiting: T[] = []
  #cancel: (() => void) | undefined

  constructor(frames: Frames, handle: (items: readonly T[]) => void) {
    this.#frames = frames
    this.#handle = handle
  }

  add(item: T): void {
    this.#waiting.push(item)
    if (!this.#frames.isShown || !this.#cancel) this.flush()
  }

  /** Hands on what waits now, e.g. since something else has come after it. */
  flush(): void {
    if (this.#waiting.length === 0) return
    const items = this.#waiting
    this.#waiting = []
    this.#cancel?.()
    this.#cancel = this.#frames.isShown ? this.#frames.request(() => this.#begin()) : undefined
    this.#handle(items)
  }

  /** Lets go of what waits. */
  clear(): void {
    this.#waiting = []
  }

  #begin(): void {
    this.#cancel = undefined
    this.flush()
  }
}
