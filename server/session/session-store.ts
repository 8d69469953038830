import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import type { PositionParts } from '../../shared/position.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import type { Definition } from '../routing/definition.ts'
import { ownerOf, type Identity } from './identity.ts'

/** What a client needs to come back. The token is told once; the database keeps its hash only. */
export interface SessionKey {
  readonly id: string
  readonly token: string
}

/** The durable side of sessions: who owns one, what it follows, how far it has come. */
export class SessionStore {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async create(identity: Identity): Promise<SessionKey> {
    const token = randomBytes(32).toString('base64url')
    const { rows } = await this.#pool.query(
      `insert into event.session (id, owner, claims, token_hash) values (gen_random_uuid(), $1, $2, $3) returning id`,
      [identity.role, JSON.stringify(identity.claims), hashOf(token)],
    )
    return { id: rows[0].id, token }
  }

  /**
   * Opens a session again.
   *
   * @throws {RowcastError} `session_not_found`: also for a wrong token or somebody else's session, so
   *   that nobody learns which ids exist.
   */
  async open(key: SessionKey, identity: Identity): Promise<void> {
    const owner = ownerOf(identity)
    const { rows } = await this.#pool.query(
      `update event.session set last_seen_at = now()
        where id = $1 and (expires_at is null or expires_at > now())
        returning owner::text, claims->>'sub' as subject, token_hash as "tokenHash"`,
      [key.id],
    )
    const row = rows[0]
    const isMine =
      row?.tokenHash &&
      timingSafeEqual(row.tokenHash, hashOf(key.token)) &&
      row.owner === owner.role &&
      row.subject === owner.subject
    if (!isMine)
      throw new RowcastError(
        'session_not_found',
        `there is no session ${key.id} for this client: attach without one`,
      )
  }

  /** Makes a session follow exactly these. What it followed already keeps its beginning. */
  async replaceSubscriptions(session: string, definitions: readonly Definition[]): Promise<void> {
    await this.#pool.query(`delete from event.subscription where session_id = $1 and id <> all ($2)`, [
      session,
      definitions.map((definition) => definition.id),
    ])
    await this.addSubscriptions(session, definitions)
  }

  async addSubscriptions(session: string, definitions: readonly Definition[]): Promise<void> {
    if (definitions.length === 0) return
    await this.#pool.query(
      `insert into event.subscription (session_id, id, kind, relation_id, key, column_name, definition, since)
       select $1, s.id, s.kind, s.relation_id, s.key, s.column_name, s.definition, pg_current_snapshot()
         from json_to_recordset($2) as s (id text, kind text, relation_id int, key text, column_name text, definition jsonb)
       on conflict (session_id, id) do update set relation_id = excluded.relation_id`,
      [session, JSON.stringify(definitions.map(asRow))],
    )
  }

  async deleteSubscription(session: string, id: SubscriptionId): Promise<void> {
    await this.#pool.query(`delete from event.subscription where session_id = $1 and id = $2`, [session, id])
  }

  /** Notes that a session has everything up to a position. Going back is not noted. */
  async acknowledge(session: string, position: PositionParts): Promise<void> {
    await this.#pool.query(
      `update event.session set position = $2::pg_snapshot, epoch = $3, last_seen_at = now()
        where id = $1 and (epoch is distinct from $3 or position is null or pg_snapshot_xmax(position) <= pg_snapshot_xmax($2::pg_snapshot))`,
      [session, position.snapshot, position.epoch],
    )
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function asRow(definition: Definition): Record<string, unknown> {
  const query = definition.kind === 'table' ? definition.query : null
  return {
    id: definition.id,
    kind: definition.kind,
    relation_id: definition.relation.id,
    key: 'key' in definition ? definition.key : null,
    column_name: 'column' in definition ? definition.column : null,
    definition: query && { where: query.where, orderBy: query.orderBy, limit: query.limit },
  }
}
