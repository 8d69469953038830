import { subscribeWithSelector } from 'zustand/middleware'
import { createStore } from 'zustand/vanilla'
import { itemOf, type Item, type Setting, type Update } from './setting.ts'
import { answerFor, listenedId, Page, type Side } from './side.ts'

// A store as zustand's documentation shows it: what an update changes is a copy, and each listener has a selector. What is timed
// begins with the update itself, and ends when the listeners have read their rows.

/** By whole numbers, which JavaScript copies fastest by far: with texts as keys, as ids mostly are, it takes a hundred times longer. */
type Rows = Record<number, Item>

export interface ZustandOptions {
  /**
   * Rows are altered in place, so that only what the selectors cost is left. No store for React: who holds the state of before
   * would see rows of after.
   */
  readonly isAltered: boolean
}

class Zustand implements Side<readonly Update[]> {
  readonly #page: Page
  #isAltered = false
  readonly #store = createStore(subscribeWithSelector(() => ({ rows: {} as Rows })))

  constructor(page: Page) {
    this.#page = page
  }

  hold(setting: Setting & ZustandOptions): void {
    const { rows, listeners } = setting
    this.#isAltered = setting.isAltered
    this.#store.setState({
      rows: Object.fromEntries(Array.from({ length: rows }, (_, i) => [i + 1, itemOf(i + 1)])),
    })
    for (let i = 0; i < listeners; i++) {
      const id = listenedId(setting, i)
      this.#store.subscribe(
        ({ rows }) => rows[id],
        (row) => {
          this.#page.calls++
          this.#page.read = row
        },
      )
    }
  }

  encode(updates: readonly Update[]): readonly Update[] {
    return updates
  }

  apply(updates: readonly Update[]): void {
    this.#store.setState(({ rows }) => {
      const changed: Rows = {}
      for (const { id, score } of updates) changed[id] = { ...(rows[id] as Item), score }
      return { rows: this.#isAltered ? Object.assign(rows, changed) : { ...rows, ...changed } }
    })
  }

  get(id: number): Item | undefined {
    return this.#store.getState().rows[id]
  }

  list(): readonly Item[] {
    return []
  }
}

const page = new Page()
answerFor(new Zustand(page), page)
