import type pg from 'pg'
import type { Logger } from 'pino'
import { RowcastError } from '../../shared/errors.ts'
import { define, type Definition } from '../routing/definition.ts'
import type { Feed } from '../routing/feed.ts'
import { readStates } from '../routing/catalogue.ts'
import type { Audience, Connection } from './connection.ts'
import type { Following } from './following.ts'
import type { SessionStore } from '../session/session-store.ts'
import type { Welcome } from './welcome.ts'

/** The shape of a relation and the rights to it are compared this often, while somebody follows it. */
const checkMs = 1_000

export interface AccessWatchParts {
  readonly following: Following
  readonly welcome: Welcome
  readonly sessions: SessionStore
  readonly pool: pg.Pool
  readonly logger: Logger
}

/**
 * Notices what the change log does not say: that a followed relation has got other columns, another name,
 * row security or other grants. Its subscriptions are then asked for again as their identity, and end
 * if they would not be accepted now; of those that go on, a new shape gives a fresh snapshot.
 */
export class AccessWatch {
  readonly #parts: AccessWatchParts
  #lastCheckAt = 0
  #isAsking = false

  constructor(parts: AccessWatchParts) {
    this.#parts = parts
  }

  /** Called at each batch boundary; looks when it is time. */
  async check(client: pg.ClientBase): Promise<void> {
    const now = performance.now()
    const { relationIds } = this.#parts.following.routes
    if (now - this.#lastCheckAt < checkMs || relationIds.length === 0) return
    this.#lastCheckAt = now
    const changed = await this.#changedOf(client, relationIds)
    if (changed.length === 0 || this.#isAsking) return
    this.#isAsking = true
    void this.#askAgain(changed)
      .catch((error: unknown) =>
        this.#parts.logger.error({ err: error }, 'could not look again at who may read what'),
      )
      .finally(() => (this.#isAsking = false))
  }

  /** Looks at one relation at once. True if something was found, and seen to. */
  async checkNow(relationId: number): Promise<boolean> {
    const changed = await this.#changedOf(this.#parts.pool, [relationId])
    await this.#askAgain(changed)
    return changed.length > 0
  }

  async #changedOf(
    client: pg.ClientBase | pg.Pool,
    relationIds: readonly number[],
  ): Promise<Feed<Audience>[]> {
    const states = await readStates(client, relationIds)
    return [...this.#parts.following.feeds].filter(
      ({ definition: { relation } }) =>
        relationIds.includes(relation.id) && states.get(relation.id) !== relation.state,
    )
  }

  async #askAgain(feeds: readonly Feed<Audience>[]): Promise<void> {
    if (feeds.length > 0) await this.#parts.pool.query('select event.refresh_capture()')
    for (const feed of feeds)
      for (const connection of this.#parts.following.connectionsOf(feed)) await this.#ask(connection, feed)
  }

  async #ask(connection: Connection, feed: Feed<Audience>): Promise<void> {
    const { id, relation } = feed.definition
    const subscription = connection.wanted.get(id)
    if (!subscription) return
    let definition: Definition
    try {
      definition = await define(this.#parts.pool, subscription, connection.identity)
      if (definition.id !== id)
        throw new RowcastError(
          'relation_not_found',
          `${subscription.relation} is another relation now: subscribe again`,
        )
    } catch (error) {
      if (!(error instanceof RowcastError)) throw error
      // Who has read it may know why it cannot be read any more.
      const reason = error.cause instanceof RowcastError ? error.cause : error
      if (connection.feeds.get(id) === feed) this.#parts.following.end(connection, id, reason)
      return
    }
    if (connection.feeds.get(id) !== feed) return // unfollowed meanwhile, or seen to
    if (definition.relation.id === relation.id && definition.relation.shape === relation.shape)
      return this.#parts.following.follow(connection, definition, feed.window?.keys ?? new Set())
    this.#parts.following.unfollow(connection, id)
    connection.suspend(definition) // whether or not it can be noted now
    this.#parts.welcome.await(connection)
    const { session } = connection
    await session.write(() => this.#parts.sessions.addSubscriptions(session.id, [definition]))
  }
}
