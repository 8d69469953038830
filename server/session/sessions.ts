import type pg from 'pg'
import { RowcastError, sqlStates } from '../../shared/errors.ts'
import { sqlStateOf } from '../db/failures.ts'
import { isUuid } from './session-store.ts'

/** Whose sessions: of a role, and of one of its users if `sub` is given. */
export interface SessionFilter {
  readonly role?: string
  readonly sub?: string
  /** So many at the most. Default: 1000. */
  readonly limit?: number
}

export interface SessionInfo {
  readonly id: string
  readonly role: string
  /** The claim `sub`; null where it was not told, and for sessions made in SQL. */
  readonly sub: string | null
  readonly createdAt: Date
  readonly lastSeenAt: Date
  /** Null: never. */
  readonly expiresAt: Date | null
  /** How many things it follows. */
  readonly subscriptions: number
  /** In use now: connected to a server, or attached in SQL. For a minute after a server was killed, what was connected to it counts. */
  readonly isAttached: boolean
}

/** All sessions there are, of whatever server: who has some, and an end to them. */
export class Sessions {
  readonly #client: pg.ClientBase | pg.Pool

  constructor(client: pg.ClientBase | pg.Pool) {
    this.#client = client
  }

  /** Those that were seen last come first. */
  async list({ role, sub, limit = 1000 }: SessionFilter = {}): Promise<SessionInfo[]> {
    const { rows } = await this.#client.query(
      // First which ones: what each follows is counted for these only.
      `select id, owner::text as role, subject as sub, created_at as "createdAt", last_seen_at as "lastSeenAt",
              expires_at as "expiresAt", subscriptions::integer, is_attached as "isAttached"
         from event.session_list
        where id = any (array(
          select id from event.session_list
           where ($1::text is null or owner = $1::name) and ($2::text is null or subject = $2)
           order by last_seen_at desc, id
           limit $3))
        order by last_seen_at desc, id`,
      [role ?? null, sub ?? null, limit],
    )
    return rows
  }

  /**
   * Ends a session: what it follows and its inbox are gone, and its connections, to whatever server, are cut. Who had it
   * may start another one; to prevent that is for `authenticate`.
   *
   * @throws {RowcastError} `session_not_found`
   */
  async end(id: string): Promise<void> {
    try {
      if (!isUuid(id)) throw notFound(id)
      await this.#client.query('select event.session_delete($1)', [id])
    } catch (error) {
      if (sqlStateOf(error) === sqlStates.session_not_found) throw notFound(id, error)
      throw error
    }
  }

  /**
   * Ends all sessions that a user has from browsers, for "sign out everywhere".
   *
   * @param of `sub` null means those who have none, who are everybody of the role
   * @returns how many there were
   */
  async endAll(of: { readonly role: string; readonly sub: string | null }): Promise<number> {
    // A slip must not end those of everybody.
    if (typeof of.role !== 'string' || (typeof of.sub !== 'string' && of.sub !== null))
      throw new TypeError(`endAll() needs a role, and a sub or null: ${JSON.stringify(of)}`)
    const { rowCount } = await this.#client.query(
      `delete from event.session as s
        using (select o.id from event.session as o
                where o.token_hash is not null and o.owner = $1::name and coalesce(o.subject, '') = coalesce($2, '')
                  and o.subject is not distinct from $2
                order by o.id for update) as his
        where s.id = his.id`,
      [of.role, of.sub],
    )
    return rowCount ?? 0
  }
}

function notFound(id: string, cause?: unknown): RowcastError {
  return new RowcastError('session_not_found', `there is no session ${id}`, { cause })
}
