import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import type { PositionParts } from '../../shared/position.ts'
import type { Subscription, SubscriptionId } from '../../shared/subscription.ts'
import type { Definition } from '../routing/definition.ts'
import { Grouped } from './grouped.ts'
import { ownerOf, type Identity } from './identity.ts'
import { fromRow, toRow, type SubscriptionRow } from './stored-subscription.ts'

/** What a client needs to come back. The token is told once; the database keeps its hash only. */
export interface SessionKey {
  readonly id: string
  readonly token: string
}

export interface SessionOptions {
  /** A session that nobody has used for so long is forgotten. A second at least; `Infinity`: never. Default: 30 days. */
  readonly expireAfterMs?: number
  /**
   * So many sessions may an identity have, that is a role and a claim `sub`. One more ends the one that has
   * not been seen for longest, if it is not in use. Default: 100.
   */
  readonly maxPerIdentity?: number
  /** The same for all together who have a role and no `sub`. Default: no limit. */
  readonly maxPerRole?: number
}

/** A session that has been found again. */
export interface OpenSession {
  /** It has acknowledged everything up to here; of another epoch than now, it means nothing. */
  readonly position: PositionParts | null
  /** What it follows, if that was asked for. */
  readonly subscriptions: readonly StoredSubscription[]
}

export interface StoredSubscription {
  readonly id: SubscriptionId
  readonly subscription: Subscription
  /** It concerns what is not visible in this snapshot, which is of the epoch of the session's position. */
  readonly since: string
}

export interface Renewal {
  /** Sessions that are attached to this server and are no more. */
  readonly ended: readonly string[]
  /** The database's clock, since 1970. */
  readonly clockMs: number
}

const defaultExpireAfterMs = 30 * 24 * 60 * 60 * 1000
const defaultMaxPerIdentity = 100
/** Clients acknowledge all the time, each for itself, and none waits for it: the database is asked about ten times a second. */
const acknowledgeMs = 100

/**
 * The durable side of sessions: who owns one, what it follows, how far it has come, and to which servers it is
 * attached. One for each server, which is told by a number of its own.
 */
export class SessionStore {
  readonly #pool: pg.Pool
  readonly #serverId = randomUUID()
  readonly #maxPerIdentity: number
  readonly #maxPerRole: number
  /** As PostgreSQL's intervals are written; null: never. */
  readonly #expiresAfter: string | null
  readonly expireAfterMs: number
  /** How many connections each session has here. */
  readonly #attached = new Map<string, number>()
  readonly #left = new Set<string>()
  #turn: Promise<unknown> = Promise.resolve()

  readonly #creating = new Grouped((sessions: readonly NewSession[]) => this.#createAll(sessions))
  readonly #opening = new Grouped((ids: readonly string[]) => this.#openAll(ids, false))
  // What they follow may be much.
  readonly #restoring = new Grouped((ids: readonly string[]) => this.#openAll(ids, true), { limit: 50 })
  readonly #following = new Grouped(
    (requests: readonly FollowRequest[]) => this.#inTurn(() => this.#followAll(requests)),
    { limit: 5_000, sizeOf: ({ definitions }) => 1 + definitions.length },
  )
  readonly #leaving = new Grouped((sessions: readonly string[]) =>
    this.#inTurn(() => this.#leaveAll(sessions)),
  )
  readonly #acknowledging = new Grouped(
    (positions: readonly Acknowledged[]) => this.#acknowledgeAll(positions),
    { gatherMs: acknowledgeMs },
  )

  constructor(pool: pg.Pool, options: SessionOptions = {}) {
    this.#pool = pool
    this.expireAfterMs = options.expireAfterMs ?? defaultExpireAfterMs
    if (!(this.expireAfterMs >= 1000))
      throw new Error(`sessions.expireAfterMs is ${this.expireAfterMs}: it must be a second at least`)
    this.#expiresAfter = Number.isFinite(this.expireAfterMs) ? `${this.expireAfterMs} ms` : null
    this.#maxPerIdentity = options.maxPerIdentity ?? defaultMaxPerIdentity
    this.#maxPerRole = options.maxPerRole ?? Infinity
    if (!(this.#maxPerIdentity >= 1 && this.#maxPerRole >= 1))
      throw new Error('sessions.maxPerIdentity and sessions.maxPerRole must be 1 at least')
  }

  /** @throws {RowcastError} `session_limit` if the identity has as many as it may, all of them in use. */
  async create(identity: Identity): Promise<SessionKey> {
    const { role, subject } = ownerOf(identity)
    const [limit, atMost] =
      subject === null
        ? ['sessions.maxPerRole', this.#maxPerRole]
        : ['sessions.maxPerIdentity', this.#maxPerIdentity]
    const key = { id: randomUUID(), token: randomBytes(32).toString('base64url') }
    const isCreated = await this.#creating.ask({
      id: key.id,
      owner: role,
      subject,
      claims: identity.claims,
      token_hash: hashOf(key.token).toString('hex'),
      at_most: Number.isFinite(atMost) ? atMost : null,
    })
    if (isCreated) return key
    throw new RowcastError(
      'session_limit',
      `${subject === null ? `role ${role}` : `user ${subject} of role ${role}`} has ${atMost} sessions (${limit}), and all are in use: close one`,
    )
  }

  /**
   * Finds a session again.
   *
   * @throws {RowcastError} `session_not_found`: also for what cannot be an id, a wrong token or somebody else's
   *   session, so that nobody learns which ids exist.
   */
  async open(key: SessionKey, identity: Identity, { withSubscriptions = false } = {}): Promise<OpenSession> {
    const owner = ownerOf(identity)
    const group = withSubscriptions ? this.#restoring : this.#opening
    const row = isUuid(key.id) ? await group.ask(key.id) : undefined
    const isMine =
      row?.tokenHash &&
      timingSafeEqual(row.tokenHash, hashOf(key.token)) &&
      row.owner === owner.role &&
      row.subject === owner.subject
    if (!isMine) throw notFound(key.id)
    const { epoch, snapshot, subscriptions } = row
    return {
      position: epoch === null || snapshot === null ? null : { epoch, snapshot },
      subscriptions: (subscriptions ?? []).map(restored),
    }
  }

  /**
   * Attaches one connection to a session; `detach` is to be called when it goes. The session then follows
   * exactly these; or these as well, if it has other connections, here or elsewhere, since what they follow is the
   * session's too. What it followed already keeps its beginning.
   *
   * @throws {RowcastError} `session_not_found` if it has been ended, or has expired.
   */
  async attach(session: string, definitions: readonly Definition[]): Promise<void> {
    const connections = this.#attached.get(session) ?? 0
    this.#attached.set(session, connections + 1)
    this.#left.delete(session)
    try {
      await this.#follow({ session, isAlone: connections === 0, definitions })
    } catch (error) {
      this.detach(session)
      throw error
    }
  }

  /** What the session follows stays, and so does its inbox. */
  detach(session: string): void {
    const connections = (this.#attached.get(session) ?? 0) - 1
    if (connections > 0) return void this.#attached.set(session, connections)
    this.#attached.delete(session)
    this.#left.add(session)
    this.#leaving.ask(session).catch(() => undefined) // the next renewal says it
  }

  /** @throws {RowcastError} `session_not_found` if it has been ended. */
  async addSubscriptions(session: string, definitions: readonly Definition[]): Promise<void> {
    if (definitions.length > 0) await this.#follow({ session, isAlone: false, definitions })
  }

  /** Does nothing while the session is attached to another server too: that one may follow it. */
  async deleteSubscription(session: string, id: SubscriptionId): Promise<void> {
    await this.#pool.query(
      `delete from event.subscription where session_id = $1 and id = $2
          and not exists (select from event.server_attachment as a where a.session_id = $1 and a.server_id <> $3)`,
      [session, id, this.#serverId],
    )
  }

  /** Notes that a session has everything up to a position. Going back is not noted, nor what is not of this database's past. */
  async acknowledge(session: string, { epoch, snapshot }: PositionParts): Promise<void> {
    await this.#acknowledging.ask({ id: session, epoch, snapshot })
  }

  /** Says that this server runs, and keeps the sessions that are attached to it from expiring. */
  async renew(): Promise<Renewal> {
    const { rows } = await this.#inTurn(() =>
      this.#pool.query(
        `select array(select event.renew_sessions($1, $2, $3)) as ended, (extract(epoch from now()) * 1000)::float8 as "clockMs"`,
        [this.#serverId, [...this.#attached.keys()], this.#expiresAfter],
      ),
    )
    return rows[0]
  }

  /** Deletes what has expired, and what servers have left that run no more. Not to be called when the clock has just jumped. */
  async clearUp(): Promise<void> {
    await this.#pool.query('select event.forget_lost_servers()')
    const atOnce = 1000
    const forget = () => this.#pool.query('select event.forget_expired_sessions($1) as count', [atOnce])
    while (Number((await forget()).rows[0].count) === atOnce);
  }

  /** Nothing is attached to this server any more. */
  async leave(): Promise<void> {
    await this.#acknowledging.settle()
    await this.#inTurn(() =>
      this.#pool.query(
        `with server as (delete from event.server where id = $1) delete from event.server_session where server_id = $1`,
        [this.#serverId],
      ),
    )
  }

  async #follow(request: FollowRequest): Promise<void> {
    if (!(await this.#following.ask(request))) throw notFound(request.session)
  }

  // Each answers for a group of requests by one statement.

  async #createAll(sessions: readonly NewSession[]): Promise<boolean[]> {
    const { rows } = await this.#pool.query('select id from event.create_sessions($1, $2) as id', [
      JSON.stringify(sessions),
      this.#expiresAfter,
    ])
    const created = new Set(rows.map(({ id }) => id))
    return sessions.map(({ id }) => created.has(id))
  }

  async #openAll(ids: readonly string[], withSubscriptions: boolean): Promise<(SessionRow | undefined)[]> {
    const { rows } = await this.#pool.query<SessionRow>(openSql, [ids, withSubscriptions])
    const found = new Map(rows.map((row) => [row.id, row]))
    return ids.map((id) => found.get(id))
  }

  async #followAll(requests: readonly FollowRequest[]): Promise<boolean[]> {
    const sessions = requests.map(({ session, isAlone }) => ({ id: session, is_alone: isAlone }))
    const wanted = requests.flatMap(({ session, definitions }) =>
      definitions.map((definition) => ({ session_id: session, ...toRow(definition) })),
    )
    const { rows } = await this.#pool.query('select id from event.attach_sessions($1, $2, $3, $4) as id', [
      this.#serverId,
      JSON.stringify(sessions),
      JSON.stringify(wanted),
      this.#expiresAfter,
    ])
    const found = new Set(rows.map(({ id }) => id))
    return requests.map(({ session }) => found.has(session))
  }

  async #leaveAll(sessions: readonly string[]): Promise<void[]> {
    const left = sessions.filter((session) => this.#left.delete(session))
    if (left.length > 0) await this.#pool.query('select event.leave_sessions($1, $2)', [this.#serverId, left])
    return []
  }

  async #acknowledgeAll(positions: readonly Acknowledged[]): Promise<void[]> {
    await this.#pool.query('select event.acknowledge_sessions($1)', [JSON.stringify(positions)])
    return []
  }

  /** What is written of attached sessions, one after the other: then the last word is the last one written. */
  #inTurn<T>(write: () => Promise<T>): Promise<T> {
    const writing = this.#turn.then(write)
    this.#turn = writing.catch(() => undefined)
    return writing
  }
}

interface NewSession {
  readonly id: string
  readonly owner: string
  readonly subject: string | null
  readonly claims: unknown
  readonly token_hash: string
  readonly at_most: number | null
}

interface FollowRequest {
  readonly session: string
  /** Without another connection to this server. */
  readonly isAlone: boolean
  readonly definitions: readonly Definition[]
}

interface Acknowledged extends PositionParts {
  readonly id: string
}

interface SessionRow {
  readonly id: string
  readonly owner: string
  readonly subject: string | null
  readonly tokenHash: Buffer | null
  readonly epoch: string | null
  readonly snapshot: string | null
  readonly subscriptions: readonly (SubscriptionRow & { relation: string; since: string })[] | null
}

const openSql = `
  select s.id, s.owner::text, s.subject, s.token_hash as "tokenHash", s.epoch, s.position::text as snapshot,
         case when $2 then (
           select json_agg(json_build_object('id', u.id, 'kind', u.kind, 'key', u.key, 'column_name', u.column_name,
                    'definition', u.definition, 'since', u.since::text,
                    'relation', format('%I.%I', coalesce(n.nspname, t.schema_name), coalesce(c.relname, t.relation_name)))
                    order by u.id)
             from event.subscription as u
             join event.tracked_relation as t on t.id = u.relation_id
             left join pg_class as c on c.oid = t.oid
             left join pg_namespace as n on n.oid = c.relnamespace
            where u.session_id = s.id) end as subscriptions
    from event.session as s
   where s.id = any ($1) and (s.expires_at is null or s.expires_at > now())`

function restored(row: SubscriptionRow & { relation: string; since: string }): StoredSubscription {
  return { id: row.id, subscription: fromRow(row, row.relation), since: row.since }
}

function notFound(id: string): RowcastError {
  return new RowcastError(
    'session_not_found',
    `there is no session ${id} for this client: attach without one`,
  )
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
