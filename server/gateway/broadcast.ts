import { formatPosition } from '../../shared/position.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import { Breather } from '../breather.ts'
import { isRefusal, lockNotAvailable, sqlStateOf } from '../db/failures.ts'
import type { Pass } from '../log/log-reader.ts'
import type { LogTransaction } from '../log/read-log.ts'
import type { Metrics } from '../metrics.ts'
import { encodeBatch } from '../routing/encode-batch.ts'
import type { Feed } from '../routing/feed.ts'
import { routeBatch, WindowsUnreadable } from '../routing/route-batch.ts'
import { liveRoom, type Audience, type Connection, type GatewayServer } from './connection.ts'
import { EncodedJson } from './encoded-json.ts'
import type { Following } from './following.ts'
import { groupsOf } from './groups.ts'
import { forMany } from './send-to-many.ts'

/** Quiet sessions are told this often how far the history has come, so that they can resume from there. */
const progressMs = 1_000
/** But that many are told so in a second at the most: with ten thousand it is every ten seconds. */
const progressPerSecond = 1_000
/** While nothing happens that anybody here follows. It is often enough to stay within what is kept of the log. */
const idleProgressMs = 30_000
/** A relation that is locked is not asked for what its filtered subscriptions show for so long. */
const lockedMs = 1_000

export interface BroadcastParts {
  readonly io: GatewayServer
  readonly following: Following
  /** A connection that has been sent everything up to a snapshot is to get no more for now. */
  readonly fallBehind: (connection: Connection, from: string) => void
  /** Lets go of those whose time is over. */
  readonly expire: () => void
  /** Makes sure that who follows relations may read them. */
  readonly verify: (pass: Pass, relationIds: readonly number[]) => Promise<void>
  /** Makes sure that what PostgreSQL refuses to read is not asked again for ever. */
  readonly settle: (unreadable: WindowsUnreadable) => Promise<void>
  /** Brings the next pass about. */
  readonly wake: () => void
  readonly metrics: Pick<Metrics, 'sent'>
}

/** A message that connections are owed, and of which subscriptions. */
interface Owed {
  readonly ids: readonly SubscriptionId[]
  readonly connections: readonly Connection[]
  readonly encode: () => EncodedJson
}

/** Sends what a pass found to the sessions that it concerns. */
export class Broadcast {
  readonly #parts: BroadcastParts
  readonly #lockedUntil = new Map<number, number>()
  #lastProgressAt = 0
  #isPaused = false

  constructor(parts: BroadcastParts) {
    this.#parts = parts
  }

  /** Nothing can be handed on for now: who is live is told that what is shown may be out of date, until something can be again. */
  pause(): void {
    if (this.#isPaused) return
    this.#isPaused = true
    this.#tellLive('catch_up', new EncodedJson('{}'))
  }

  /** Fails before anything is sent or noted, or not at all. */
  async deliver(pass: Pass): Promise<void> {
    const { following, fallBehind, verify } = this.#parts
    const to = formatPosition({ epoch: pass.epoch, snapshot: pass.to })
    const concerned = this.#concernedBy(pass)
    // What is found out of date is asked for again before it is routed.
    if (concerned.size > 0) await verify(pass, [...concerned])
    const { transactions, setAside } = this.#setAside(pass, concerned)
    const unsettled = following.takeUnsettled(setAside)
    if (transactions.length === 0 && setAside.size === 0 && unsettled.size === 0) {
      this.#prepare(pass)
      return this.#sendProgress(to, idleProgressMs)
    }
    const breather = new Breather()
    const { batch, shifts, reread } = await this.#route(transactions, unsettled, setAside, pass.client)
    if (pass.from === pass.to && batch.feeds.size > 0) return this.#postpone(pass, unsettled)
    this.#parts.expire() // the routing has taken its time
    const feedsConcerned = batch.feeds.keys() as Iterable<Feed<Audience>>
    const groups = [...groupsOf(feedsConcerned, (feed) => batch.contentOf(feed))]
    // Nothing can fail from here on, and until it is settled who is owed what, nothing is awaited.
    this.#prepare(pass)
    for (const id of setAside)
      for (const connection of following.suspend(id)) fallBehind(connection, pass.from)
    for (const aspect of reread) aspect.isToBeReread = false
    for (const { aspect, feed, entering, leaving } of shifts) aspect.shift(feed, entering, leaving)
    const owed = groups.map(({ feeds, followers }) => ({
      ids: feeds.map(({ definition }) => definition.id),
      connections: followers.flatMap((audience) => [...audience.connections]),
      encode: () => new EncodedJson(encodeBatch(to, batch, feeds)),
    }))
    await this.#handOut(owed, pass.to, breather)
    await this.#sendProgress(to, this.#progressMs)
  }

  /**
   * Gives each connection the one message that it is owed, in turns: others are served between. Whoever comes back meanwhile from
   * being given what it had missed gets it either way, once; whoever has begun to follow something by then is not owed it; and who
   * follows nothing of it any more, or whose time is over, is not sent it.
   */
  async #handOut(owed: readonly Owed[], to: string, breather: Breather): Promise<void> {
    const { fallBehind, metrics } = this.#parts
    for (const { ids, connections, encode } of owed) {
      if (breather.isDue) await breather.rest()
      const message = encode()
      const send = forMany('batch', message)
      let sent = 0
      for (const connection of connections) {
        if (breather.isDue) await breather.rest()
        if (!connection.isLive) connection.keep(message)
        else if (connection.isOpen && ids.some((id) => connection.feeds.has(id))) {
          connection.count(message)
          send(connection.socket)
          sent += 1
          if (connection.isSlow) fallBehind(connection, to)
        }
      }
      metrics.sent('batch', sent, message.bytes)
    }
  }

  /** Relations of which somebody is to be told something, or to be asked what he may see. */
  #concernedBy({ transactions, heavy }: Pass): Set<number> {
    const { routes, unsettled } = this.#parts.following
    const concerned = new Set(unsettled)
    const changed = new Set(transactions.flatMap(({ rows }) => rows.map(({ relationId }) => relationId)))
    for (const id of [...heavy, ...changed]) {
      if (routes.has(id)) concerned.add(id)
      for (const dependant of routes.dependants(id)) concerned.add(dependant)
    }
    return concerned
  }

  /**
   * What there is too much of, or cannot be read now, is not waited for: whoever follows it catches up with it, and
   * the others go on.
   */
  #setAside(
    pass: Pass,
    concerned: ReadonlySet<number>,
  ): { transactions: readonly LogTransaction[]; setAside: Set<number> } {
    const now = performance.now()
    for (const [id, until] of this.#lockedUntil) if (until < now) this.#lockedUntil.delete(id)
    if (this.#lockedUntil.size === 0)
      return { transactions: pass.transactions, setAside: new Set(pass.heavy) }
    const locked = [...this.#lockedUntil.keys()].filter((id) => concerned.has(id))
    const transactions = pass.transactions.map(({ id, at, rows }) => ({
      id,
      at,
      rows: rows.filter(({ relationId }) => !locked.includes(relationId)),
    }))
    return { transactions, setAside: new Set([...pass.heavy, ...locked]) }
  }

  async #route(
    transactions: readonly LogTransaction[],
    unsettled: ReadonlySet<number>,
    setAside: ReadonlySet<number>,
    client: Pass['client'],
  ): ReturnType<typeof routeBatch> {
    const { following, settle } = this.#parts
    try {
      for (;;) {
        const { changeovers } = following
        const routed = await routeBatch(
          transactions,
          following.routes,
          (id) => following.relation(id),
          { unsettled, setAside },
          client,
        )
        if (following.changeovers === changeovers) return routed
      }
    } catch (error) {
      for (const id of unsettled) following.unsettle(id)
      if (error instanceof WindowsUnreadable) {
        if (sqlStateOf(error.cause) === lockNotAvailable)
          this.#lockedUntil.set(error.aspect.relation.id, performance.now() + lockedMs)
        else if (isRefusal(error.cause)) await settle(error)
      }
      throw error // and the pass is repeated
    }
  }

  /**
   * There is something to tell though nobody has written anything: a right has gone, a time has come. Whoever stands at this
   * position would take it for what he has been told of it already, so the history goes on first, by a transaction that
   * does nothing, and the next pass finds it out again.
   */
  async #postpone(pass: Pass, unsettled: ReadonlySet<number>): Promise<void> {
    for (const id of unsettled) this.#parts.following.unsettle(id)
    await pass.client.query('select pg_current_xact_id()') // committed with the pass
    this.#prepare(pass)
    this.#parts.wake()
  }

  /**
   * The pass can be handed on. Before anything of it is sent, who was told that nothing can be handed on for now goes on, and only
   * then falls behind who is to be given something afresh: what came before that would be void.
   */
  #prepare({ epoch, from }: Pass): void {
    const { following, fallBehind } = this.#parts
    if (this.#isPaused)
      this.#tellLive(
        'progress',
        new EncodedJson(JSON.stringify({ to: formatPosition({ epoch, snapshot: from }) })),
      )
    this.#isPaused = false
    for (const connection of following.takeInterrupted()) fallBehind(connection, from)
  }

  get #progressMs(): number {
    return Math.max(progressMs, (this.#parts.io.engine.clientsCount / progressPerSecond) * 1_000)
  }

  /** Who is live at its turn has been sent everything up to there, since when it may have come back. */
  async #sendProgress(to: string, everyMs: number): Promise<void> {
    const now = performance.now()
    if (now - this.#lastProgressAt < everyMs) return
    this.#lastProgressAt = now
    const { io, metrics } = this.#parts
    const { adapter, sockets } = io.of('/')
    const message = new EncodedJson(JSON.stringify({ to }))
    const send = forMany('progress', message)
    const breather = new Breather()
    let sent = 0
    for (const id of [...(adapter.rooms.get(liveRoom) ?? [])]) {
      if (breather.isDue) await breather.rest()
      const socket = sockets.get(id)
      if (!socket || !adapter.rooms.get(liveRoom)?.has(id)) continue
      send(socket)
      sent += 1
    }
    metrics.sent('progress', sent, message.bytes)
  }

  #tellLive(event: 'catch_up' | 'progress', message: EncodedJson): void {
    const { io, metrics } = this.#parts
    io.to(liveRoom).emit(event, message)
    metrics.sent(event, io.of('/').adapter.rooms.get(liveRoom)?.size ?? 0, message.bytes)
  }
}
