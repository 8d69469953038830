/** That the page had painted this score of this row. */
export type Sighting = readonly [id: number, score: number, inDomAt: number, paintedAt: number]

/** What was to be seen of the page for a while. Times are by its `performance.now()`. */
export interface Watched {
  readonly sightings: readonly Sighting[]
  /** When each of its frames began. */
  readonly frames: readonly number[]
  /** How often each component has rendered: rows by their id, others by name. */
  readonly renders: Readonly<Record<string, number>>
  /** Those of more than 50 ms. */
  readonly longTasks: number
}

let renders: Record<string, number> = {}

/** Called by each component when it renders. */
export function noteRender(component: string | number): void {
  renders[component] = (renders[component] ?? 0) + 1
}

/**
 * Watches the page from within. What the document has come to show is told by a MutationObserver. It is painted with the next
 * frame: in each, after what others asked requestAnimationFrame for, and after layout, a ResizeObserver calls back, since each
 * frame an element of its own gets another size; what is in the document then is painted. A message sent from there comes
 * when that is done.
 */
export class Probe {
  readonly #root: Element
  readonly #observer: MutationObserver
  readonly #ruler = document.createElement('i')
  readonly #painted = new MessageChannel()
  /** What awaits its frame, and when it came to be in the document. */
  readonly #changed = new Map<CharacterData, number>()
  readonly #awaitingPaint: Sighting[][] = []
  #sightings: Sighting[] = []
  #frames: number[] = []
  #longTasks = 0
  #request: number | undefined

  constructor(root: Element) {
    this.#root = root
    this.#observer = new MutationObserver((records) => this.#note(records))
    this.#ruler.style.cssText = 'position: fixed; height: 1px'
    document.body.append(this.#ruler)
    new ResizeObserver(() => this.#beforePaint()).observe(this.#ruler)
    this.#painted.port1.addEventListener('message', () => this.#see())
    this.#painted.port1.start()
    new PerformanceObserver((list) => (this.#longTasks += list.getEntries().length)).observe({
      type: 'longtask',
    })
  }

  watch(): void {
    renders = {}
    this.#sightings = []
    this.#frames = []
    this.#longTasks = 0
    this.#observer.observe(this.#root, { subtree: true, characterData: true })
    this.#request = requestAnimationFrame((time) => this.#frame(time))
  }

  watched(): Watched {
    if (this.#request !== undefined) cancelAnimationFrame(this.#request)
    this.#observer.disconnect()
    return { sightings: this.#sightings, frames: this.#frames, renders, longTasks: this.#longTasks }
  }

  now(): number {
    return performance.now()
  }

  /** What each row says: its id, and its score. */
  rows(): (readonly [id: number, score: number])[] {
    return Array.from(this.#root.querySelectorAll('li'), (item) => [
      Number(item.dataset['id']),
      Number(item.querySelector('b')?.textContent),
    ])
  }

  #note(records: readonly MutationRecord[]): void {
    const at = performance.now()
    for (const { target } of records) this.#changed.set(target as CharacterData, at)
  }

  #frame(time: number): void {
    this.#frames.push(time)
    this.#ruler.style.width = `${1 + (this.#frames.length % 2)}px`
    this.#request = requestAnimationFrame((time) => this.#frame(time))
  }

  #beforePaint(): void {
    this.#note(this.#observer.takeRecords())
    const seen = Array.from(this.#changed, ([text, inDomAt]): Sighting => {
      const item = text.parentElement?.closest('li')
      return [Number(item?.dataset['id']), Number(text.data), inDomAt, NaN]
    })
    this.#changed.clear()
    this.#awaitingPaint.push(seen)
    this.#painted.port2.postMessage(null)
  }

  #see(): void {
    const at = performance.now()
    for (const [id, score, inDomAt] of this.#awaitingPaint.shift() ?? [])
      this.#sightings.push([id, score, inDomAt, at])
  }
}
