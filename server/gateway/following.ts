import type { KeyText } from '../../shared/change.ts'
import { RowcastError, sqlStates, type ErrorCode } from '../../shared/errors.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import { notReadable, type Definition } from '../routing/definition.ts'
import type { Feed } from '../routing/feed.ts'
import { Routes } from '../routing/routes.ts'
import { hasWindow, queryOf } from '../routing/shown.ts'
import type { RelationInfo } from '../routing/catalogue.ts'
import type { Identity } from '../session/identity.ts'
import type { Connection, Audience } from './connection.ts'

interface FollowedRelation {
  readonly relation: RelationInfo
  readonly feeds: number
}

/** Who follows what on this server. A feed lives while a session follows it. */
export class Following {
  readonly routes = new Routes()
  readonly #feeds = new Map<SubscriptionId, Feed<Audience>>()
  /** What each relation was to a role when feeds of it began, by its id and its state. */
  readonly #relations = new Map<number, Map<string, FollowedRelation>>()
  readonly #onEnd: (code: ErrorCode) => void
  #interrupted = new Set<Connection>()
  #unsettled = new Set<number>()
  #due = new Set<number>()
  #asked: ReadonlySet<number> = new Set()
  #changeovers = 0

  /** @param onEnd told why a subscription has been ended */
  constructor(onEnd: (code: ErrorCode) => void = () => undefined) {
    this.#onEnd = onEnd
  }

  /** Rises when somebody goes over to another feed of the same: what has been worked out for the former would pass them by. */
  get changeovers(): number {
    return this.#changeovers
  }

  /** Whether somebody follows this already, so that its window is known. */
  has(definition: Definition): boolean {
    return this.#feeds.has(nameOf(definition))
  }

  /** How many rows it shows to those who follow it already, if account is kept of them. */
  rowCountOf(definition: Definition): number {
    return this.#feeds.get(nameOf(definition))?.window?.keys.size ?? 0
  }

  get feedCount(): number {
    return this.#feeds.size
  }

  get feeds(): Iterable<Feed<Audience>> {
    return this.#feeds.values()
  }

  get relationCount(): number {
    return this.#relations.size
  }

  /** The relations that anybody follows. */
  get relationIds(): number[] {
    return [...this.#relations.keys()]
  }

  relation(id: number): RelationInfo | undefined {
    return this.relationsOf([id])[0]
  }

  /** What these relations are to those who follow them. */
  relationsOf(ids: readonly number[]): RelationInfo[] {
    return ids.flatMap((id) => [...(this.#relations.get(id)?.values() ?? [])].map(({ relation }) => relation))
  }

  /**
   * Lets a connection follow what a definition says, from the reader's position on, and no longer what
   * its id has meant before.
   *
   * @param keys what a subscription with a window shows at this position; used when nobody follows it yet
   */
  follow(connection: Connection, definition: Definition, keys: ReadonlySet<KeyText>): void {
    const name = nameOf(definition)
    let feed = this.#feeds.get(name)
    if (!feed) {
      const window = hasWindow(definition) ? { query: queryOf(definition), keys: new Set(keys) } : null
      feed = { definition, followers: new Set(), window }
      this.#feeds.set(name, feed)
      this.#count(definition.relation, 1)
      this.routes.add(feed)
    }
    const before = connection.feeds.get(definition.id)
    if (before && before !== feed) {
      this.#changeovers++
      this.unfollow(connection, definition.id)
    }
    feed.followers.add(connection.audience)
    connection.feeds.set(definition.id, feed)
  }

  /** A connection goes on with other claims, which see the same of all that it follows. */
  identify(connection: Connection, identity: Identity): void {
    const former = connection.audience
    connection.enter(identity)
    for (const [id, feed] of connection.feeds) {
      if (![...former.connections].some((other) => other.feeds.get(id) === feed))
        feed.followers.delete(former)
      feed.followers.add(connection.audience)
    }
  }

  unfollow(connection: Connection, id: SubscriptionId): void {
    const feed = connection.feeds.get(id)
    if (!feed) return
    connection.feeds.delete(id)
    for (const other of connection.audience.connections) if (other.feeds.get(id) === feed) return
    feed.followers.delete(connection.audience)
    if (feed.followers.size === 0) this.#remove(feed)
  }

  /** Ends a subscription by the server's doing, and tells the client why. */
  end(connection: Connection, id: SubscriptionId, error: unknown): void {
    connection.wanted.delete(id)
    connection.pending.delete(id)
    this.unfollow(connection, id)
    const reason = reasonOf(error)
    this.#onEnd(reason.code)
    connection.send('ended', { subscription: id, ...reason })
  }

  /** Ends it for all who follow it here. */
  endForAll(feed: Feed<Audience>, error: unknown): void {
    for (const connection of this.connectionsOf(feed)) this.end(connection, feed.definition.id, error)
  }

  /**
   * Takes whoever follows a relation off what it has been given of it, and says who that is. What cannot be gone
   * on with from the log, since it has a filter, an order or a limit, begins anew at the next boundary.
   */
  suspend(relationId: number): Set<Connection> {
    const suspended = new Set<Connection>()
    for (const feed of [...this.#feeds.values()]) {
      const { definition, window } = feed
      if (definition.relation.id !== relationId) continue
      for (const connection of this.connectionsOf(feed)) {
        suspended.add(connection)
        if (!window) continue
        this.unfollow(connection, definition.id)
        connection.suspend(definition)
      }
    }
    return suspended
  }

  /** Who sees what of a relation may be something else than what was thought: to be asked again with the next batch. */
  unsettle(relationId: number): void {
    this.#unsettled.add(relationId)
  }

  /** The same, since time has passed that no log tells of: what has been asked just now is not doubtful because of that. */
  recheck(relationId: number): void {
    this.#due.add(relationId)
  }

  get unsettled(): ReadonlySet<number> {
    return new Set([...this.#unsettled, ...this.#due])
  }

  /** Those that are to be asked again, also because their policies read one of these relations, of which the changes are not known. */
  takeUnsettled(unread: Iterable<number>): ReadonlySet<number> {
    const unsettled = new Set(this.unsettled)
    this.#unsettled.clear()
    this.#due.clear()
    for (const id of unread) for (const dependant of this.routes.dependants(id)) unsettled.add(dependant)
    this.#asked = unsettled
    return unsettled
  }

  /**
   * True if what followers of something have been shown may differ from what can be seen now, since it was not asked again just now:
   * whoever joined them would hold rows that they do not, and would not be told when these go.
   */
  isDoubtful({ relation: { id, security } }: Definition): boolean {
    if (security === null) return false
    if (this.#unsettled.has(id)) return true
    if (this.#asked.has(id)) return false
    return [...(this.routes.windows(id)?.aspects ?? [])].some(({ unobserved }) => unobserved.length > 0)
  }

  /**
   * Takes a connection off something that it shows, to be given it afresh. Rows are shared by all that a page shows: it must get
   * nothing else before it has been given that.
   */
  interrupt(connection: Connection, definition: Definition): void {
    this.unfollow(connection, definition.id)
    connection.suspend(definition)
    this.#interrupted.add(connection)
  }

  /** Those that have been interrupted since they were last asked for, and are live. */
  takeInterrupted(): Connection[] {
    const interrupted = [...this.#interrupted].filter(({ isLive, isOpen }) => isLive && isOpen)
    this.#interrupted.clear()
    return interrupted
  }

  connectionsOf(feed: Feed<Audience>): Connection[] {
    const { id } = feed.definition
    return [...feed.followers].flatMap((audience) =>
      [...audience.connections].filter((connection) => connection.feeds.get(id) === feed),
    )
  }

  /** The connection has gone. */
  leave(connection: Connection): void {
    connection.wanted.clear()
    connection.pending.clear()
    for (const id of [...connection.feeds.keys()]) this.unfollow(connection, id)
    connection.leave()
  }

  #count(relation: RelationInfo, by: 1 | -1): void {
    const { id, state } = relation
    const followed = this.#relations.get(id) ?? new Map<string, FollowedRelation>()
    const feeds = (followed.get(state)?.feeds ?? 0) + by
    if (feeds > 0) followed.set(state, { relation, feeds })
    else followed.delete(state)
    if (followed.size > 0) this.#relations.set(id, followed)
    else this.#relations.delete(id)
  }

  #remove(feed: Feed<Audience>): void {
    this.#feeds.delete(nameOf(feed.definition))
    this.#count(feed.definition.relation, -1)
    this.routes.delete(feed)
  }
}

/**
 * A relation that has changed its shape or its rights is another thing to follow, and so it is to another role: nobody
 * slips into what was before, or is others'.
 */
export function nameOf({ id, relation, sight }: Definition): string {
  return `${id}\n${relation.id}\n${relation.state}\n${sight.name}`
}

/** Of a failure that is not the client's, only the code crosses the wire. */
function reasonOf(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof RowcastError) return { code: error.code, message: error.message }
  if ((error as { code?: unknown } | null)?.code === sqlStates.permission_denied)
    return { code: 'permission_denied', message: notReadable }
  return { code: 'internal', message: 'the server could not read this subscription; its log says why' }
}
