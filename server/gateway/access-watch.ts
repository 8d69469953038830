import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { RowcastError } from '../../shared/errors.ts'
import { Turns } from '../breather.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import type { Definition } from '../routing/definition.ts'
import type { Definitions } from '../routing/definitions.ts'
import type { Feed } from '../routing/feed.ts'
import { marksSql, RelationStates, type RelationMark } from '../routing/relation-states.ts'
import { hasWindow } from '../routing/shown.ts'
import type { Identity } from '../session/identity.ts'
import type { SessionStore } from '../session/session-store.ts'
import { mapLimited } from './answer.ts'
import type { Audience, Connection } from './connection.ts'
import { nameOf, type Following } from './following.ts'
import type { Refused, Welcome } from './welcome.ts'

/** The shape of a relation and the rights to it are compared this often, while somebody follows it. */
const checkMs = 250
/** Every so many times also what changes without leaving a mark is looked for. */
const thoroughEvery = 8
const definesAtOnce = 8
/** So many relations are looked at with each pass of the log, changed or not: those that have changed last. */
const looksAhead = 8
/** Those of one relation are asked for in one question: `Definitions`. */
const asksAtOnce = 500

export interface AccessWatchParts {
  readonly following: Following
  readonly welcome: Welcome
  readonly sessions: SessionStore
  readonly definitions: Definitions
  readonly pool: pg.Pool
  readonly logger: Logger
  /** Never rejects. */
  readonly refreshCapture: () => Promise<void>
  /** Brings the next boundary about. */
  readonly wake: () => void
}

/**
 * Notices what the change log does not say: that a followed relation has got other columns, another name, other
 * policies or other grants. Its subscriptions are then asked for again as their identity, and end if they would not be
 * accepted now. Of those that go on, who sees what is asked again; a new shape gives a fresh snapshot.
 */
export class AccessWatch {
  readonly #parts: AccessWatchParts
  readonly #states = new RelationStates()
  /** Those that changed last, the latest at the end. */
  readonly #recent = new Set<number>()
  #lookedAt: ReadonlySet<number> = new Set()
  readonly #turns = new Turns()
  readonly #closing = new AbortController()
  #running: Promise<void> | undefined
  #asking: Promise<void> = Promise.resolve()
  #refreshing: Promise<void> = Promise.resolve()

  constructor(parts: AccessWatchParts) {
    this.#parts = parts
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    await this.#asking
    await this.#refreshing
  }

  /** What `verify` is likely to ask of the next pass. */
  lookAhead(): string | undefined {
    this.#lookedAt = new Set(this.#recent)
    return this.#recent.size > 0 ? marksSql(this.#recent) : undefined
  }

  /**
   * Makes sure, before changes of relations are handed on, that who follows them may read them, as of a transaction's
   * snapshot: what is written after a right has been taken away is told to nobody by that right.
   *
   * @param ahead what `lookAhead` asked last, answered in this transaction
   */
  async verify(
    client: pg.ClientBase,
    relationIds: readonly number[],
    ahead: readonly unknown[],
  ): Promise<void> {
    const isKnown = relationIds.every((id) => this.#lookedAt.has(id))
    const marks = isKnown ? (ahead as readonly RelationMark[]) : undefined
    const relations = this.#parts.following.relationsOf(relationIds)
    const outdated = await this.#states.outdated(client, relations, marks)
    for (const id of relationIds) {
      this.#recent.delete(id)
      this.#recent.add(id)
    }
    for (const id of this.#recent) if (this.#recent.size > looksAhead) this.#recent.delete(id)
    if (outdated.length > 0) await this.#check([...new Set(outdated.map(({ id }) => id))])
  }

  /** Looks at one relation at once. True if something was found, and seen to. */
  checkNow(relationId: number): Promise<boolean> {
    return this.#check([relationId])
  }

  /** As `WelcomeParts.redefine`. */
  async redefine(refused: readonly Refused[]): Promise<readonly Refused[]> {
    const { definitions, logger } = this.#parts
    definitions.forget()
    const unaltered = await mapLimited(refused, asksAtOnce, async (each) => {
      const isUnaltered = await this.#isUnaltered(each).catch((error: unknown) => {
        logger.warn({ err: error }, 'could not ask again what a subscription means; trying again')
        return false
      })
      return isUnaltered ? [each] : []
    })
    return unaltered.flat()
  }

  /** False if something else is pending now, or nothing. */
  async #isUnaltered({ connection, definition: before }: Refused): Promise<boolean> {
    const { identity, pending } = connection
    const definition = await this.#define(connection, before.id, identity)
    const awaited = pending.get(before.id)
    if (!definition || !awaited || connection.identity !== identity) return false
    if (nameOf(awaited.definition) !== nameOf(before)) return false
    if (nameOf(definition) === nameOf(before)) return true
    pending.set(before.id, { definition, isHeld: false, isShown: awaited.isShown })
    this.#note(connection, definition)
    return false
  }

  /**
   * A connection goes on with other claims of the same user: what it follows is asked for again. If these see anything
   * else of it than those of before, all is read afresh.
   *
   * @throws {RowcastError} `disconnected` if it has gone, or its time has been over, before that could be said
   */
  async identify(connection: Connection, identity: Identity): Promise<void> {
    const definitions = new Map<SubscriptionId, Definition>()
    for (;;) {
      const ids = [...connection.wanted.keys()].filter((id) => !definitions.has(id))
      if (ids.length === 0) break
      await mapLimited(ids, definesAtOnce, async (id) => {
        const definition = await this.#define(connection, id, identity)
        if (definition) definitions.set(id, definition)
      })
    }
    if (!connection.isOpen) throw new RowcastError('disconnected', 'the client has gone')
    const all = [...connection.wanted.keys()].flatMap((id) => definitions.get(id) ?? [])
    const isSame = (definition: Definition): boolean => {
      const { id } = definition
      const followed = [connection.feeds.get(id)?.definition, connection.pending.get(id)?.definition]
      return followed.every((before) => !before || nameOf(before) === nameOf(definition))
    }
    const { following, welcome } = this.#parts
    if (all.every(isSame)) following.identify(connection, identity)
    else welcome.identify(connection, identity, all)
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    for (let n = 1; !signal.aborted; n++) {
      const { relationIds } = this.#parts.following
      if (n % thoroughEvery === 0) this.#states.forget()
      if (relationIds.length > 0)
        await this.#check(relationIds).catch((error: unknown) =>
          this.#parts.logger.warn({ err: error }, 'could not look again at who may read what; trying again'),
        )
      await sleep(checkMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** One after the other: what has been found is seen to before it is looked for again. */
  #check(relationIds: readonly number[]): Promise<boolean> {
    const checked = this.#asking.then(() => this.#askAgain(relationIds))
    this.#asking = checked.then(
      () => undefined,
      () => undefined,
    )
    return checked
  }

  async #askAgain(relationIds: readonly number[]): Promise<boolean> {
    const { following, pool, definitions, refreshCapture, wake } = this.#parts
    const outdated = await this.#states.outdated(pool, following.relationsOf(relationIds))
    if (outdated.length === 0) return false
    const isOutdated = ({ definition: { relation } }: Feed<Audience>) =>
      outdated.some(({ id, state }) => relation.id === id && relation.state === state)
    const changed = [...following.feeds].filter(isOutdated)
    definitions.forget()
    await mapLimited(changed, asksAtOnce, (feed) => this.#ask(feed))
    wake()
    this.#refreshing = refreshCapture() // of whatever has been altered by now: nobody looks for that again soon
    return true
  }

  async #ask(feed: Feed<Audience>): Promise<void> {
    const { following } = this.#parts
    const identities = new Map(
      following.connectionsOf(feed).map((connection) => [connection, connection.identity]),
    )
    const asked = await mapLimited([...identities], asksAtOnce, async ([connection, identity]) => {
      const definition = await this.#define(connection, feed.definition.id, identity)
      return { connection, definition }
    })
    const answers = asked.flatMap(({ connection, definition }): [Connection, Definition][] =>
      definition ? [[connection, definition]] : [],
    )
    await this.#turns.next() // thousands may have got the same answer
    // Nothing is awaited from here on: all who go over to the same hold the same.
    const isAnother = ([connection, identity]: [Connection, Identity]) => connection.identity !== identity
    if ([...identities].some(isAnother)) return this.#ask(feed) // other claims may see something else of it
    const followers = new Set(following.connectionsOf(feed))
    const stay = answers.filter(([connection]) => followers.has(connection))
    const [first] = stay
    // Whoever follows that already may hold other rows of a window.
    const isFree = first && (!hasWindow(first[1]) || !following.has(first[1]))
    const successor = isFree && canGoOn(feed.definition, first[1]) ? first[1] : undefined
    for (const [connection, definition] of stay) {
      if (successor && nameOf(definition) === nameOf(successor)) {
        following.follow(connection, definition, feed.window?.keys ?? new Set())
        following.unsettle(definition.relation.id)
      } else this.#startOver(connection, definition)
    }
  }

  /** What a subscription means now to an identity; undefined if it has been ended. */
  async #define(
    connection: Connection,
    id: SubscriptionId,
    identity: Identity,
  ): Promise<Definition | undefined> {
    const subscription = connection.wanted.get(id)
    if (!subscription) return undefined
    try {
      const definition = await this.#parts.definitions.define(subscription, identity)
      if (definition.id === id) return definition
      throw new RowcastError(
        'relation_not_found',
        `${subscription.relation} is another relation now: subscribe again`,
      )
    } catch (error) {
      if (!(error instanceof RowcastError)) throw error
      // Who has read it may know why it cannot be read any more; but a key that is hidden from him is not what he has read.
      const isKnown = error.code !== 'permission_denied' && error.cause instanceof RowcastError
      const reason = isKnown ? error.cause : error
      if (connection.wanted.get(id) === subscription) this.#parts.following.end(connection, id, reason)
      return undefined
    }
  }

  #startOver(connection: Connection, definition: Definition): void {
    const { following, welcome } = this.#parts
    following.interrupt(connection, definition) // whether or not it can be noted now
    welcome.await(connection)
    this.#note(connection, definition)
  }

  #note({ session }: Connection, definition: Definition): void {
    const { sessions, logger } = this.#parts
    session
      .write(() => sessions.addSubscriptions(session.id, [definition]))
      .catch((error: unknown) => logger.warn({ err: error }, 'could not note what a session follows'))
  }
}

/** Whether who holds what a subscription has shown holds what it shows now, but for who sees what of it. */
function canGoOn(before: Definition, after: Definition): boolean {
  return (
    before.relation.id === after.relation.id &&
    before.relation.shape === after.relation.shape &&
    hasWindow(before) === hasWindow(after)
  )
}
