import type { KeyText, Row } from '../../shared/change.ts'
import type { LogRow } from '../log/read-log.ts'
import type { RelationInfo } from './catalogue.ts'
import type { Feed, Window } from './feed.ts'
import { ViewsByClaim } from './concerned-views.ts'
import { FeedIndex } from './feed-index.ts'
import { addTo, deleteFrom } from './multimap.ts'
import type { Dependency } from '../policies/row-security.ts'
import type { Sight } from './sight.ts'
import { Sights } from './sights.ts'

/** A feed that has a window. */
export type WindowFeed = Feed & { readonly window: Window }

export function hasWindow(feed: Feed): feed is WindowFeed {
  return feed.window !== null
}

/** What policies have been found to read when they ran. */
export interface Observed {
  /** By their id among the tracked. */
  readonly dependencies: Set<number>
  /** What no log tells of. */
  readonly unobserved: Set<string>
}

/** The windows of one relation: of each role, and of each state that the relation is in while it changes. */
export class WindowIndex {
  readonly #observed: Observed
  readonly #aspects = new Map<string, Aspect>()

  constructor(observed: Observed) {
    this.#observed = observed
  }

  get size(): number {
    return this.#aspects.size
  }

  get aspects(): Iterable<Aspect> {
    return this.#aspects.values()
  }

  add(feed: WindowFeed): void {
    const { relation } = feed.definition
    let aspect = this.#aspects.get(relation.state)
    if (!aspect) this.#aspects.set(relation.state, (aspect = new Aspect(relation, this.#observed)))
    aspect.add(feed)
  }

  delete(feed: WindowFeed): void {
    const { state } = feed.definition.relation
    const aspect = this.#aspects.get(state)
    aspect?.delete(feed)
    if (aspect?.views.size === 0) this.#aspects.delete(state)
  }
}

/** What a relation is to one role, and the feeds of it that have a window: by who sees the same, and by what they hold. */
export class Aspect {
  readonly relation: RelationInfo
  /**
   * PostgreSQL has refused to say who sees rows, though not what any feed shows: next time all that they show is read instead,
   * since nobody is asked then of a row that is none of his.
   */
  isToBeReread = false
  readonly #views = new Map<string, View>()
  readonly #feeds = new FeedIndex()
  readonly #open = new Set<View>()
  #openSights: Sights | undefined
  readonly #holders = new Map<KeyText, Set<WindowFeed>>()
  /** How many feeds read a column, to filter or to order. */
  readonly #columns = new Map<string, number>()

  readonly #observed: Observed
  readonly #byClaim: ViewsByClaim

  constructor(relation: RelationInfo, observed: Observed) {
    this.relation = relation
    this.#observed = observed
    const dependencies = [...(relation.security?.dependencies.values() ?? [])]
    this.#byClaim = new ViewsByClaim(dependencies.flatMap(({ key }) => (key ? [key.claim] : [])))
  }

  get views(): ReadonlyMap<string, View> {
    return this.#views
  }

  /** The relations that policies read, by their id among the tracked. */
  get dependencies(): ReadonlyMap<number, Dependency> {
    const { security } = this.relation
    if (!security?.isOpaque) return security?.dependencies ?? new Map()
    const any = { columns: null, key: null }
    const found = [...this.#observed.dependencies].map((id): [number, Dependency] => [id, any])
    return new Map([...security.dependencies, ...found])
  }

  /** What policies read that no log tells. */
  get unobserved(): readonly string[] {
    const { security } = this.relation
    if (!security?.isOpaque) return security?.unobserved ?? []
    return [...security.unobserved, ...this.#observed.unobserved]
  }

  /** Those who may see other rows, since what policies read has changed. */
  viewsConcernedBy(rows: ReadonlyMap<number, readonly LogRow[]>): ReadonlySet<View> {
    const concerned = new Set<View>()
    for (const [id, dependency] of this.dependencies)
      for (const row of rows.get(id) ?? []) {
        const views = this.#byClaim.concernedBy(row, dependency)
        if (views === undefined) return new Set(this.#views.values())
        for (const view of views) concerned.add(view)
      }
    return concerned
  }

  add(feed: WindowFeed): void {
    const { sight } = feed.definition
    let view = this.#views.get(sight.name)
    if (!view) {
      view = new View(sight)
      this.#views.set(sight.name, view)
      this.#byClaim.add(view)
    }
    view.add(feed)
    this.#sort(view)
    this.#feeds.add(feed)
    for (const column of feed.window.query?.columns ?? [])
      this.#columns.set(column, (this.#columns.get(column) ?? 0) + 1)
    for (const key of feed.window.keys) addTo(this.#holders, key, feed)
  }

  delete(feed: WindowFeed): void {
    const view = this.#views.get(feed.definition.sight.name)
    if (!view?.delete(feed)) return
    this.#feeds.delete(feed)
    this.#sort(view)
    if (view.feeds.size === 0) {
      this.#views.delete(view.sight.name)
      this.#byClaim.delete(view)
    }
    for (const column of feed.window.query?.columns ?? []) {
      const readers = (this.#columns.get(column) ?? 0) - 1
      if (readers > 0) this.#columns.set(column, readers)
      else this.#columns.delete(column)
    }
    for (const key of feed.window.keys) deleteFrom(this.#holders, key, feed)
  }

  /** True if a change of this column can change who sees a row. */
  decides(column: string): boolean {
    const { security } = this.relation
    return security !== null && (security.columns === null || security.columns.has(column))
  }

  /** True if a change of this column can move a row into, out of or within any feed. */
  reads(column: string): boolean {
    return this.decides(column) || this.#columns.has(column)
  }

  /** Those who may show any row whatever. */
  get openViews(): ReadonlySet<View> {
    return this.#open
  }

  get openSights(): Sights {
    return (this.#openSights ??= sightsOf(this.#open))
  }

  /**
   * Those besides who hold a row, or may show it.
   *
   * @param row undefined if it is not known
   */
  viewsOf(key: KeyText, row: Row | undefined): ReadonlySet<View> {
    const views = new Set<View>()
    const add = ({ definition }: WindowFeed) => {
      const view = this.#views.get(definition.sight.name)
      if (view && !this.#open.has(view)) views.add(view)
    }
    for (const feed of this.holders(key)) add(feed)
    for (const feed of this.#feeds.ofRow(key, row)) add(feed)
    return views
  }

  holders(key: KeyText): Iterable<WindowFeed> {
    return this.#holders.get(key) ?? []
  }

  #sort(view: View): void {
    if (view.isOpen === this.#open.has(view)) return
    if (view.isOpen) this.#open.add(view)
    else this.#open.delete(view)
    this.#openSights = undefined
  }

  /** Notes what the followers of a feed hold from now on, and do not hold any more. */
  shift(feed: WindowFeed, entering: readonly KeyText[], leaving: readonly KeyText[]): void {
    if (!this.#views.get(feed.definition.sight.name)?.feeds.has(feed)) return // its last follower has left meanwhile
    const { keys } = feed.window
    for (const key of leaving) {
      keys.delete(key)
      deleteFrom(this.#holders, key, feed)
    }
    for (const key of entering) {
      keys.add(key)
      addTo(this.#holders, key, feed)
    }
  }
}

export function sightsOf(views: Iterable<View>): Sights {
  return new Sights([...views].map(({ sight }) => sight))
}

/** The feeds of those who see the same of a relation. */
export class View {
  readonly sight: Sight
  readonly feeds = new Set<WindowFeed>()
  readonly #index = new FeedIndex()

  constructor(sight: Sight) {
    this.sight = sight
  }

  add(feed: WindowFeed): void {
    this.feeds.add(feed)
    this.#index.add(feed)
  }

  delete(feed: WindowFeed): boolean {
    this.#index.delete(feed)
    return this.feeds.delete(feed)
  }

  /** Whether any row whatever may be among what it shows. */
  get isOpen(): boolean {
    return this.#index.open.size > 0
  }

  /** Whether it takes a look inside a row to say who may show it. */
  get looksInside(): boolean {
    return this.#index.looksInside
  }

  /**
   * The feeds that may show a row.
   *
   * @param row needed where the view `looksInside`
   */
  *candidates(key: KeyText, row: Row | undefined): Iterable<WindowFeed> {
    yield* this.#index.open
    yield* this.#index.ofRow(key, row)
  }
}
