import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from 'react'

export interface FollowBottom {
  readonly scroller: RefObject<HTMLDivElement | null>
  readonly content: RefObject<HTMLOListElement | null>
  readonly isAtBottom: boolean
  readonly onScroll: () => void
  readonly toBottom: () => void
}

/** Within this distance of the end one is at the end: pixels are not whole on every screen. */
const nearPx = 48

/**
 * Keeps a growing list where the reader has it: at the bottom it follows what is new, elsewhere what
 * is in the middle of the view stays in its place, whatever comes or goes above it. (Browsers have `overflow-anchor`
 * for this, but not all, and not where one is at the very top.)
 *
 * @param version changes whenever the list does
 * @param items selects the list's items
 * @param startAt selects the element to begin at, if it is out of view from the bottom
 */
export function useFollowBottom(version: unknown, items: string, startAt: string): FollowBottom {
  const scroller = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLOListElement>(null)
  const anchor = useRef<{ readonly element: Element; readonly top: number } | 'bottom'>('bottom')
  const hasStarted = useRef(false)
  const [isAtBottom, setAtBottom] = useState(false) // until the list has been laid out, nothing has been seen

  const remember = useCallback(() => {
    const { current: box } = scroller
    const { current: list } = content
    if (!box || !list) return
    const isNear = box.scrollHeight - box.scrollTop - box.clientHeight <= nearPx
    anchor.current = isNear ? 'bottom' : (inMiddle(box, list.querySelectorAll(items)) ?? 'bottom')
    setAtBottom(isNear)
  }, [items])

  const restore = useCallback(() => {
    const { current: box } = scroller
    if (!box) return
    if (anchor.current === 'bottom') box.scrollTop = box.scrollHeight
    else if (anchor.current.element.isConnected)
      box.scrollTop += topIn(box, anchor.current.element) - anchor.current.top
    remember()
  }, [remember])

  useLayoutEffect(() => {
    const { current: box } = scroller
    const { current: list } = content
    restore()
    if (hasStarted.current || !box || !list?.firstElementChild) return
    hasStarted.current = true
    const start = list.querySelector(startAt)
    if (!start || topIn(box, start) >= 0) return
    box.scrollTop += topIn(box, start) - box.clientHeight / 4
    remember()
  }, [version, startAt, restore, remember])

  // The window, the keyboard of a phone, a longer draft below: all change the room that there is.
  useEffect(() => {
    const observer = new ResizeObserver(restore)
    if (scroller.current) observer.observe(scroller.current)
    if (content.current) observer.observe(content.current)
    return () => observer.disconnect()
  }, [restore])

  const toBottom = useCallback(() => {
    anchor.current = 'bottom'
    restore()
  }, [restore])

  return { scroller, content, isAtBottom, onScroll: remember, toBottom }
}

function topIn(box: Element, element: Element): number {
  return element.getBoundingClientRect().top - box.getBoundingClientRect().top
}

/**
 * The item in the middle of the view: what comes above the first one may change it too, such as its day or
 * its author's name. Found by halving: a long list is measured a dozen times, not a thousand.
 */
function inMiddle(box: Element, items: ArrayLike<Element>): { element: Element; top: number } | undefined {
  const middleOfBox = box.clientHeight / 2
  let low = 0
  let high = items.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    const item = items[middle]
    if (item && topIn(box, item) + item.clientHeight <= middleOfBox) low = middle + 1
    else high = middle
  }
  const element = items[low]
  return element && { element, top: topIn(box, element) }
}
