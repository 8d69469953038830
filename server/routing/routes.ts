import type { LogRow } from '../log/read-log.ts'
import type { Feed } from './feed.ts'
import { addTo, deleteFrom } from './multimap.ts'
import type { RelationRead } from '../policies/relations-read.ts'
import { hasWindow, WindowIndex, type Aspect, type Observed } from './window-index.ts'

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
  /** The relations whose policies read a relation. */
  #dependants = new Map<number, Set<number>>()
  #relationIds: number[] = []
  readonly #observed = new Map<number, Observed>()

  add(feed: Feed): void {
    const { definition } = feed
    const { id } = definition.relation
    let routes = this.#relations.get(id)
    const before = this.#size(routes)
    if (!routes) {
      routes = {
        tables: new Set(),
        columns: new Map(),
        keys: new Map(),
        windows: new WindowIndex(this.#observedOf(id)),
      }
      this.#relations.set(id, routes)
    }
    if (hasWindow(feed)) routes.windows.add(feed)
    else if (definition.kind === 'table') routes.tables.add(feed)
    else if (definition.kind === 'column') addTo(routes.columns, definition.column, feed)
    else addTo(routes.keys, definition.key, feed)
    if (this.#size(routes) !== before) this.#noteDependencies()
  }

  delete(feed: Feed): void {
    const { definition } = feed
    const { id } = definition.relation
    const routes = this.#relations.get(id)
    if (!routes) return
    const before = this.#size(routes)
    if (hasWindow(feed)) routes.windows.delete(feed)
    else if (definition.kind === 'table') routes.tables.delete(feed)
    else if (definition.kind === 'column') deleteFrom(routes.columns, definition.column, feed)
    else deleteFrom(routes.keys, definition.key, feed)
    if (routes.tables.size + routes.columns.size + routes.keys.size + routes.windows.size === 0) {
      this.#relations.delete(id)
      this.#observed.delete(id)
    }
    if (this.#size(this.#relations.get(id)) !== before) this.#noteDependencies()
  }

  /** Changes with what there is to be read. */
  #size(routes: RelationRoutes | undefined): number {
    return routes ? 1 + routes.windows.size : 0
  }

  /** Notes what the policies of a relation have been found to read. */
  observe(relationId: number, reads: readonly RelationRead[]): void {
    const { dependencies, unobserved } = this.#observedOf(relationId)
    const before = dependencies.size
    for (const { trackedId, hasUnlogged, name } of reads) {
      if (trackedId === null || hasUnlogged) unobserved.add(name)
      else unobserved.delete(name) // it is tracked by now
      if (trackedId !== null && trackedId !== relationId) dependencies.add(trackedId)
    }
    if (dependencies.size > before) this.#noteDependencies()
  }

  #observedOf(relationId: number): Observed {
    const observed = this.#observed.get(relationId) ?? { dependencies: new Set(), unobserved: new Set() }
    this.#observed.set(relationId, observed)
    return observed
  }

  /** Of which relations changes must be read. */
  #noteDependencies(): void {
    const dependants = new Map<number, Set<number>>()
    for (const [id, { windows }] of this.#relations)
      for (const aspect of windows.aspects)
        for (const dependency of aspect.dependencies.keys()) addTo(dependants, dependency, id)
    this.#dependants = dependants
    this.#relationIds = [...new Set([...this.#relations.keys(), ...dependants.keys()])]
  }

  has(relationId: number): boolean {
    return this.#relations.has(relationId)
  }

  /** True if policies of something that is followed read this relation. */
  decides(relationId: number): boolean {
    return this.#dependants.has(relationId)
  }

  /** The relations that policies of something that is followed read. */
  get decisiveIds(): readonly number[] {
    return [...this.#dependants.keys()]
  }

  /** The relations whose policies read this one, among those that are followed. */
  dependants(relationId: number): Iterable<number> {
    return this.#dependants.get(relationId) ?? []
  }

  /** The relations whose changes matter: those that anybody follows, and those that decide who sees what of them. */
  get relationIds(): readonly number[] {
    return this.#relationIds
  }

  /** The feeds of a relation that do not show all rows to everybody, which `match` leaves out. */
  windows(relationId: number): WindowIndex | undefined {
    const windows = this.#relations.get(relationId)?.windows
    return windows && windows.size > 0 ? windows : undefined
  }

  /** Whatever has windows. */
  get aspects(): Iterable<Aspect> {
    return [...this.#relations.values()].flatMap(({ windows }) => [...windows.aspects])
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
