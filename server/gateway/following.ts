import type { KeyText } from '../../shared/change.ts'
import { RowcastError, sqlStates, type ErrorCode } from '../../shared/errors.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import type { Definition } from '../routing/definition.ts'
import type { Feed } from '../routing/feed.ts'
import { Routes } from '../routing/routes.ts'
import type { RelationInfo } from '../routing/catalogue.ts'
import type { Connection, LiveSession } from './connection.ts'

/** Who follows what on this server. A feed lives while a session follows it. */
export class Following {
  readonly routes = new Routes()
  readonly #feeds = new Map<SubscriptionId, Feed<LiveSession>>()
  readonly #relations = new Map<number, RelationInfo>()

  get(id: SubscriptionId): Feed<LiveSession> | undefined {
    return this.#feeds.get(id)
  }

  get feeds(): Iterable<Feed<LiveSession>> {
    return this.#feeds.values()
  }

  relation(id: number): RelationInfo | undefined {
    return this.#relations.get(id)
  }

  /**
   * Lets a connection follow what a definition says, from the reader's position on.
   *
   * @param keys what a filtered, ordered or limited table shows at this position; used when nobody follows it yet
   */
  follow(connection: Connection, definition: Definition, keys: ReadonlySet<KeyText>): void {
    let feed = this.#feeds.get(definition.id)
    if (!feed) {
      const query = definition.kind === 'table' ? definition.query : null
      feed = { definition, followers: new Set(), window: query && { query, keys } }
      this.#feeds.set(definition.id, feed)
      this.#relations.set(definition.relation.id, definition.relation)
      this.routes.add(feed)
    }
    feed.followers.add(connection.session)
    connection.feeds.set(definition.id, feed)
  }

  unfollow(connection: Connection, id: SubscriptionId): void {
    const feed = connection.feeds.get(id)
    if (!feed) return
    connection.feeds.delete(id)
    for (const other of connection.session.connections) if (other.feeds.has(id)) return
    feed.followers.delete(connection.session)
    if (feed.followers.size > 0) return
    this.#feeds.delete(id)
    this.routes.delete(feed)
    const { relation } = feed.definition
    if (!this.routes.relationIds.includes(relation.id)) this.#relations.delete(relation.id)
  }

  /** Ends a subscription by the server's doing, and tells the client why. */
  end(connection: Connection, id: SubscriptionId, error: unknown): void {
    connection.wanted.delete(id)
    this.unfollow(connection, id)
    connection.send('ended', { subscription: id, ...reasonOf(error) })
  }

  /** Ends it for all who follow it here. */
  endForAll(feed: Feed<LiveSession>, error: unknown): void {
    for (const session of [...feed.followers])
      for (const connection of [...session.connections])
        if (connection.feeds.get(feed.definition.id) === feed) this.end(connection, feed.definition.id, error)
  }

  unfollowAll(connection: Connection): void {
    for (const id of [...connection.feeds.keys()]) this.unfollow(connection, id)
    connection.session.connections.delete(connection)
  }

  /** What a feed shows has another shape, or has been found to be allowed still. */
  redefine(feed: Feed<LiveSession>, definition: Definition): void {
    feed.definition = definition
    this.#relations.set(definition.relation.id, definition.relation)
  }
}

/** Of a failure that is not the client's, only the code crosses the wire. */
function reasonOf(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof RowcastError) return { code: error.code, message: error.message }
  if ((error as { code?: unknown } | null)?.code === sqlStates.permission_denied)
    return { code: 'permission_denied', message: (error as Error).message }
  return { code: 'internal', message: 'the server could not read this subscription; its log says why' }
}
