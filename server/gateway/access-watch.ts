import type pg from 'pg'
import type { Logger } from 'pino'
import { RowcastError } from '../../shared/errors.ts'
import { define } from '../routing/definition.ts'
import type { Feed } from '../routing/feed.ts'
import { readStates } from '../routing/catalogue.ts'
import type { Connection, LiveSession } from './connection.ts'
import type { Following } from './following.ts'
import type { Welcome } from './welcome.ts'

/** The shape of a relation and the rights to it are compared this often, while somebody follows it. */
const checkMs = 1_000

/**
 * Notices what the change log does not say: that a followed relation has got other columns, another name,
 * row security or other grants. Its subscriptions are then asked for again as their identity, and end
 * if they would not be accepted now; of those that go on, a new shape gives a fresh snapshot.
 */
export class AccessWatch {
  readonly #following: Following
  readonly #welcome: Welcome
  readonly #pool: pg.Pool
  readonly #logger: Logger
  #lastCheckAt = 0
  #isAsking = false

  constructor(following: Following, welcome: Welcome, pool: pg.Pool, logger: Logger) {
    this.#following = following
    this.#welcome = welcome
    this.#pool = pool
    this.#logger = logger
  }

  /** Called at each batch boundary; looks when it is time. */
  async check(client: pg.ClientBase): Promise<void> {
    const now = performance.now()
    const { relationIds } = this.#following.routes
    if (now - this.#lastCheckAt < checkMs || relationIds.length === 0) return
    this.#lastCheckAt = now
    const states = await readStates(client, relationIds)
    const changed = [...this.#following.feeds].filter(
      ({ definition: { relation } }) => states.get(relation.id) !== relation.state,
    )
    if (changed.length === 0 || this.#isAsking) return
    this.#isAsking = true
    void this.#askAgain(changed)
      .catch((error: unknown) =>
        this.#logger.error({ err: error }, 'could not look again at who may read what'),
      )
      .finally(() => (this.#isAsking = false))
  }

  async #askAgain(feeds: readonly Feed<LiveSession>[]): Promise<void> {
    await this.#pool.query('select event.refresh_capture()')
    for (const feed of feeds) {
      const { shape } = feed.definition.relation
      for (const session of [...feed.followers])
        for (const connection of [...session.connections])
          if (connection.feeds.get(feed.definition.id) === feed) await this.#ask(connection, feed, shape)
    }
  }

  async #ask(connection: Connection, feed: Feed<LiveSession>, shape: string): Promise<void> {
    const { id } = feed.definition
    const subscription = connection.wanted.get(id)
    if (!subscription) return
    try {
      const definition = await define(this.#pool, subscription, connection.identity)
      if (definition.id !== id)
        throw new RowcastError(
          'relation_not_found',
          `${subscription.relation} is another relation now: subscribe again`,
        )
      this.#following.redefine(feed, definition)
      if (definition.relation.shape !== shape)
        this.#welcome.await({ connection, fresh: [definition], continued: [], from: null, isAttach: false })
    } catch (error) {
      if (!(error instanceof RowcastError)) throw error
      this.#following.end(connection, id, error)
    }
  }
}
