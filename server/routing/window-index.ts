import type { KeyText, Row } from '../../shared/change.ts'
import type { Feed, Window } from './feed.ts'
import { addTo, deleteFrom } from './multimap.ts'

/** A feed that has a window. */
export type WindowFeed = Feed & { readonly window: Window }

/**
 * The filtered, ordered and limited feeds of one relation, found by what they hold and by what they
 * would take in: a feed with an equality in its filter is found by that value, the others are all asked.
 */
export class WindowIndex {
  readonly #feeds = new Set<WindowFeed>()
  readonly #byValue = new Map<string, Map<string, Set<WindowFeed>>>()
  readonly #unindexed = new Set<WindowFeed>()
  readonly #holders = new Map<KeyText, Set<WindowFeed>>()
  /** How many feeds read a column, to filter or to order. */
  readonly #columns = new Map<string, number>()

  get size(): number {
    return this.#feeds.size
  }

  get feeds(): Iterable<WindowFeed> {
    return this.#feeds
  }

  add(feed: Feed): void {
    if (!hasWindow(feed)) throw new Error(`feed ${feed.definition.id} has no window`)
    const { query, keys } = feed.window
    this.#feeds.add(feed)
    for (const column of query.columns) this.#columns.set(column, (this.#columns.get(column) ?? 0) + 1)
    const equality = query.equalities[0]
    if (equality) {
      const values = this.#byValue.get(equality.column) ?? new Map<string, Set<WindowFeed>>()
      this.#byValue.set(equality.column, values)
      addTo(values, equality.value, feed)
    } else this.#unindexed.add(feed)
    for (const key of keys) addTo(this.#holders, key, feed)
  }

  delete(feed: Feed): void {
    if (!hasWindow(feed) || !this.#feeds.delete(feed)) return
    const { query, keys } = feed.window
    for (const column of query.columns) {
      const readers = (this.#columns.get(column) ?? 0) - 1
      if (readers > 0) this.#columns.set(column, readers)
      else this.#columns.delete(column)
    }
    const equality = query.equalities[0]
    const values = equality && this.#byValue.get(equality.column)
    if (equality && values) {
      deleteFrom(values, equality.value, feed)
      if (values.size === 0) this.#byValue.delete(equality.column)
    }
    this.#unindexed.delete(feed)
    for (const key of keys) deleteFrom(this.#holders, key, feed)
  }

  /** True if a change of this column can move a row into, out of or within any feed. */
  reads(column: string): boolean {
    return this.#columns.has(column)
  }

  holders(key: KeyText): Iterable<WindowFeed> {
    return this.#holders.get(key) ?? []
  }

  /** The feeds that may show a row. */
  *candidates(row: Row): Iterable<WindowFeed> {
    yield* this.#unindexed
    for (const [column, values] of this.#byValue) yield* values.get(JSON.stringify(row[column])) ?? []
  }

  /** Notes what the followers of a feed hold from now on. */
  replaceKeys(feed: WindowFeed, keys: ReadonlySet<KeyText>): void {
    if (!this.#feeds.has(feed)) return // its last follower has left while the batch was worked out
    for (const key of feed.window.keys) if (!keys.has(key)) deleteFrom(this.#holders, key, feed)
    for (const key of keys) if (!feed.window.keys.has(key)) addTo(this.#holders, key, feed)
    feed.window.keys = keys
  }
}

function hasWindow(feed: Feed): feed is WindowFeed {
  return feed.window !== null
}
