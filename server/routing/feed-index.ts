import type { KeyText, Row } from '../../shared/change.ts'
import { addTo, deleteFrom } from './multimap.ts'
import type { WindowFeed } from './window-index.ts'

/**
 * Feeds by what they would take in: a feed of one row by its key, one with an equality in its filter by that value. The others
 * may take in any row.
 */
export class FeedIndex {
  readonly #byKey = new Map<KeyText, Set<WindowFeed>>()
  readonly #byValue = new Map<string, Map<string, Set<WindowFeed>>>()
  readonly #open = new Set<WindowFeed>()

  add(feed: WindowFeed): void {
    const { definition, window } = feed
    const equality = window.query?.equalities[0]
    if ('key' in definition) addTo(this.#byKey, definition.key, feed)
    else if (equality) {
      const values = this.#byValue.get(equality.column) ?? new Map<string, Set<WindowFeed>>()
      this.#byValue.set(equality.column, values)
      addTo(values, equality.value, feed)
    } else this.#open.add(feed)
  }

  delete(feed: WindowFeed): void {
    const { definition, window } = feed
    const equality = window.query?.equalities[0]
    const values = equality && this.#byValue.get(equality.column)
    if ('key' in definition) deleteFrom(this.#byKey, definition.key, feed)
    else if (equality && values) {
      deleteFrom(values, equality.value, feed)
      if (values.size === 0) this.#byValue.delete(equality.column)
    } else this.#open.delete(feed)
  }

  /** Those that may take in any row. */
  get open(): ReadonlySet<WindowFeed> {
    return this.#open
  }

  /** Whether it takes a look inside a row to say which of them take it in. */
  get looksInside(): boolean {
    return this.#byValue.size > 0
  }

  /**
   * Those of the others that may take in a row.
   *
   * @param row undefined if it is not known: then it may be any
   */
  *ofRow(key: KeyText, row: Row | undefined): Iterable<WindowFeed> {
    yield* this.#byKey.get(key) ?? []
    for (const [column, values] of this.#byValue)
      if (row) yield* values.get(JSON.stringify(row[column])) ?? []
      else for (const feeds of values.values()) yield* feeds
  }
}
