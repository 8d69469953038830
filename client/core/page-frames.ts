/** The frames in which a page is painted. */
export interface Frames {
  /** Whether there are any now: a page that nobody sees has none. */
  readonly isShown: boolean
  /** Calls back before the next is painted, unless the returned function is called. */
  request(callback: () => void): () => void
}

/** A page in a frame that has been scrolled away, say, may wait for its own frame for as long as nobody looks. */
const longestFrameMs = 100

/** Those of the page; none outside of a browser. */
export const pageFrames: Frames = {
  get isShown() {
    return typeof requestAnimationFrame === 'function' && document.visibilityState === 'visible'
  },
  request(callback) {
    const cancel = (): void => {
      cancelAnimationFrame(frame)
      clearTimeout(timer)
    }
    const once = (): void => {
      cancel()
      callback()
    }
    const frame = requestAnimationFrame(once)
    const timer = setTimeout(once, longestFrameMs)
    return cancel
  },
}
