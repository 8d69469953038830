import type pg from 'pg'
import type { Logger } from 'pino'
import { RowcastError } from '../../shared/errors.ts'
import { define } from '../routing/definition.ts'
import type { Connection } from './connection.ts'
import type { Following } from './following.ts'
import type { Welcome } from './welcome.ts'

/** The shape of a relation and the rights to it are compared this often, while somebody follows it. */
const checkMs = 1_000

// All that decides what a relation's rows look like and who may read them, as one text.
const stateSql = `
  select r.id, concat_ws(' ', c.relname, n.nspname, event.shape(c.oid), c.relrowsecurity, c.relacl, n.nspacl,
           (select string_agg(a.attacl::text, ' ' order by a.attnum) from pg_attribute as a
             where a.attrelid = c.oid and a.attacl is not null)) as state,
         event.shape(c.oid) as shape
    from event.tracked_relation as r
    left join pg_class as c on c.oid = r.oid
    left join pg_namespace as n on n.oid = c.relnamespace
   where r.id = any ($1)`

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
  readonly #states = new Map<number, string>()
  #lastCheckAt = 0

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
    const { rows } = await client.query({ name: 'rowcast_access', text: stateSql, values: [relationIds] })
    const found = new Map<number, { state: string; shape: string }>(rows.map((row) => [row.id, row]))
    const changed: number[] = []
    for (const id of relationIds) {
      const state = found.get(id)?.state ?? 'untracked'
      const known = this.#states.get(id)
      // First seen, it is compared with the shape under which it was defined.
      const isNew = known === undefined && found.get(id)?.shape !== this.#following.relation(id)?.shape
      if (isNew || (known !== undefined && known !== state)) changed.push(id)
      this.#states.set(id, state)
    }
    for (const id of this.#states.keys()) if (!relationIds.includes(id)) this.#states.delete(id)
    if (changed.length > 0)
      void this.#askAgain(new Set(changed)).catch((error: unknown) =>
        this.#logger.error({ err: error }, 'could not look again at who may read what'),
      )
  }

  async #askAgain(relationIds: ReadonlySet<number>): Promise<void> {
    await this.#pool.query('select event.refresh_capture()')
    for (const feed of [...this.#following.feeds]) {
      if (!relationIds.has(feed.definition.relation.id)) continue
      const { shape } = feed.definition.relation
      for (const session of [...feed.followers])
        for (const connection of [...session.connections])
          if (connection.feeds.get(feed.definition.id) === feed)
            await this.#ask(connection, feed.definition.id, shape)
    }
  }

  async #ask(connection: Connection, id: string, shape: string): Promise<void> {
    const subscription = connection.wanted.get(id)
    if (!subscription) return
    try {
      const definition = await define(this.#pool, subscription, connection.identity)
      if (definition.id !== id)
        throw new RowcastError(
          'relation_not_found',
          `${subscription.relation} is another relation now: subscribe again`,
        )
      const feed = connection.feeds.get(id)
      if (!feed || definition.relation.shape === shape) return
      this.#following.reshape(feed, definition)
      this.#welcome.await({ connection, fresh: [definition], continued: [], from: null, isAttach: false })
    } catch (error) {
      if (!(error instanceof RowcastError)) throw error
      this.#following.end(connection, id, error)
    }
  }
}
