import type { LogRow } from '../log/read-log.ts'
import type { Feed } from './feed.ts'
import { addTo, deleteFrom } from './multimap.ts'
import { WindowIndex } from './window-index.ts'

/** What a log row means to a feed: all of it (null), or one column. */
export type Hit = (feed: Feed, column: string | null) => void

interface RelationRoutes {
  readonly tables: Set<Feed>
  readonly columns: Map<string, Set<Feed>>
  /** Rows and fields, by key. */
  readonly keys: Map<string, Set<Feed>>
  readonly windows: WindowIndex
}

/**
 * Which feeds a change concerns. Indexes, not loops: a change costs a look-up and what it concerns,
 * however many subscriptions there are that it does not concern.
 */
export class Routes {
  readonly #relations = new Map<number, RelationRoutes>()
  #relationIds: number[] = []

  add(feed: Feed): void {
    const { definition } = feed
    const { id } = definition.relation
    let routes = this.#relations.get(id)
    if (!routes) {
      routes = { tables: new Set(), columns: new Map(), keys: new Map(), windows: new WindowIndex() }
      this.#relations.set(id, routes)
      this.#relationIds = [...this.#relations.keys()]
    }
    if (feed.window) routes.windows.add(feed)
    else if (definition.kind === 'table') routes.tables.add(feed)
    else if (definition.kind === 'column') addTo(routes.columns, definition.column, feed)
    else addTo(routes.keys, definition.key, feed)
  }

  delete(feed: Feed): void {
    const { definition } = feed
    const { id } = definition.relation
    const routes = this.#relations.get(id)
    if (!routes) return
    if (feed.window) routes.windows.delete(feed)
    else if (definition.kind === 'table') routes.tables.delete(feed)
    else if (definition.kind === 'column') deleteFrom(routes.columns, definition.column, feed)
    else deleteFrom(routes.keys, definition.key, feed)
    if (routes.tables.size + routes.columns.size + routes.keys.size + routes.windows.size > 0) return
    this.#relations.delete(id)
    this.#relationIds = [...this.#relations.keys()]
  }

  /** The relations that anybody follows. */
  get relationIds(): readonly number[] {
    return this.#relationIds
  }

  /** The filtered, ordered and limited feeds of a relation, which `match` leaves out. */
  windows(relationId: number): WindowIndex | undefined {
    const windows = this.#relations.get(relationId)?.windows
    return windows && windows.size > 0 ? windows : undefined
  }

  /** Reports the feeds that a log row concerns; `fields` are its changed columns, for a field_update. */
  match(row: LogRow, fields: () => readonly string[], hit: Hit): void {
    const routes = this.#relations.get(row.relationId)
    if (!routes) return
    for (const feed of routes.tables) hit(feed, null)
    if (routes.columns.size > 0) {
      if (row.op === 'field_update')
        for (const column of fields()) for (const feed of routes.columns.get(column) ?? []) hit(feed, column)
      else for (const [column, feeds] of routes.columns) for (const feed of feeds) hit(feed, column)
    }
    for (const feed of routes.keys.get(row.key) ?? []) {
      if (feed.definition.kind !== 'field') hit(feed, null)
      else if (row.op !== 'field_update' || fields().includes(feed.definition.column))
        hit(feed, feed.definition.column)
    }
  }
}
