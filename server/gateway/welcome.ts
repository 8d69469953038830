import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { RowcastError } from '../../shared/errors.ts'
import { formatPosition } from '../../shared/position.ts'
import { Breather } from '../breather.ts'
import type { Pass } from '../log/log-reader.ts'
import { xminOf } from '../log/snapshot.ts'
import type { Metrics } from '../metrics.ts'
import type { Definition } from '../routing/definition.ts'
import { isFoundByIndex } from '../routing/shown.ts'
import type { Identity } from '../session/identity.ts'
import type { Allowance } from './allowance.ts'
import type { Connection } from './connection.ts'
import { nameOf, type Following } from './following.ts'
import { definitionsOf, isNewWindow, meaningOf, readNewWindows, type Windows } from './new-windows.ts'
import { drained } from './pace.ts'
import type { SnapshotLimits } from './read-snapshot.ts'
import { serve, tooSlow, type Boundary } from './serve.ts'
import type { SnapshotReader, SnapshotReaders } from './snapshot-readers.ts'

/** So many begin at one boundary at the most: the live stream waits while they are let in. */
const connectionsPerBoundary = 500
/** So much that has a window is looked into for the first time at one boundary, whoever sees it: the live stream waits for it. */
const windowsPerBoundary = 50
/** And so much that an index finds. */
const foundPerBoundary = 300
const snapshotsPerReader = 4
const retryMs = 500
/** What could not begin at one boundary, since its relation was locked, is tried again after so long. */
const pendingMs = 100

export interface WelcomeParts {
  readonly following: Following
  readonly readers: SnapshotReaders
  readonly limits: SnapshotLimits
  readonly logger: Logger
  readonly metrics: Metrics
  /** Brings the next boundary about. */
  readonly wake: () => void
  /** What a connection may yet follow. */
  readonly allowanceOf: (connection: Connection) => Allowance
  /** Looks whether a relation, or who may read it, is another than was thought, and sees to those who follow it. */
  readonly hasChanged: (relationId: number) => Promise<boolean>
  /** Asks what is yet to begin means by now, and sees to it where that is another thing, or nothing any more. Says which it is not. */
  readonly redefine: (refused: readonly Refused[]) => Promise<readonly Refused[]>
}

/** Something that a connection is yet to follow, and that PostgreSQL refuses to read. */
export interface Refused {
  readonly connection: Connection
  readonly definition: Definition
  readonly error: unknown
}

/**
 * Lets connections begin, or go on after they had fallen behind, at a batch boundary: what they miss is read on
 * other connections, in the very snapshot at which the reader stands, while the reader goes on. So all
 * that a session follows stands at one position together, with no gap and nothing double.
 */
export class Welcome {
  readonly #parts: WelcomeParts
  readonly #serving = new Set<Promise<void>>()
  /** Who waits, and since when. */
  readonly #waiting = new Map<Connection, number>()
  /** They have yet to take off what they were sent, or failed to be given more. */
  readonly #behind = new Set<Connection>()
  /** They have kept others waiting: each is served alone, until it is live. */
  readonly #slow = new WeakSet<Connection>()
  /** They have had too little time together to be told what they show: each has it for itself. */
  readonly #alone = new WeakSet<Connection>()
  #isAskingAgain = false
  #notBefore = 0

  constructor(parts: WelcomeParts) {
    this.#parts = parts
    const { metrics } = parts
    metrics.watch(
      'rowcast_connections_waiting',
      'Connections that wait to be let in, or let go on, at a batch boundary',
      () => this.#waiting.size,
    )
    metrics.watch(
      'rowcast_connections_behind',
      'Connections that have yet to take off what they were sent before they are given more',
      () => this.#behind.size,
    )
  }

  /** A connection has something to be given, at the next boundary. */
  await(connection: Connection): void {
    if (this.#behind.has(connection)) return // it will be given that, too
    this.#waiting.set(connection, performance.now())
    this.#parts.wake()
  }

  /** A connection has been sent everything up to a snapshot and gets no more for now: it is given what it misses later. */
  fallBehind(connection: Connection, from: string): void {
    if (!connection.fallBehind(from)) return
    this.#parts.metrics.fellBehind()
    void this.#resume(connection)
  }

  /** A connection has got other claims: what it follows is read anew, as these see it. */
  identify(connection: Connection, identity: Identity, definitions: readonly Definition[]): void {
    for (const id of [...connection.feeds.keys()]) this.#parts.following.unfollow(connection, id)
    const isLive = connection.become(identity)
    for (const definition of definitions) connection.suspend(definition)
    if (isLive) void this.#resume(connection)
  }

  /** True if a boundary would let somebody in. */
  get isAwaited(): boolean {
    return this.#parts.readers.available > 0 && performance.now() >= this.#notBefore && this.#hasWaiting()
  }

  #hasWaiting(): boolean {
    for (const connection of this.#waiting.keys()) if (this.#canBegin(connection)) return true
    return false
  }

  #canBegin(connection: Connection): boolean {
    return !connection.isServed && (!this.#slow.has(connection) || this.#parts.readers.mayLinger)
  }

  /** Lets in who waits: everything up to the pass's end has been delivered, nothing after it has. */
  async begin(pass: Pass): Promise<void> {
    for (const connection of this.#waiting.keys()) if (!connection.isOpen) this.#waiting.delete(connection)
    if (!this.isAwaited) return
    const taken = this.#take(pass)
    if (taken.size === 0) return
    try {
      const connections = [...taken.keys()]
      await expire(pass.client, connections)
      const readers = await this.#open(connections, pass)
      if (readers.length === 0) return this.#putBack(taken)
      const windows = await this.#readNewWindows(pass.client, connections).catch(async (error) => {
        await Promise.all(readers.map((reader) => reader.release()))
        throw error
      })
      // Nothing is awaited from here until all have their feeds, so the next batch reaches every one.
      const begun = connections.filter(
        (connection) => connection.isOpen && this.#isReady(connection, windows),
      )
      for (const connection of begun) this.#begin(connection, pass.to, windows)
      for (const connection of connections) if (!begun.includes(connection)) this.#awaitLater(connection)
      const boundary = { to: pass.to, position: formatPosition({ epoch: pass.epoch, snapshot: pass.to }) }
      const serving = this.#serve(begun, readers, boundary).finally(() => this.#serving.delete(serving))
      this.#serving.add(serving)
    } catch (error) {
      this.#putBack(taken)
      throw error
    }
  }

  /** Resolves when the snapshots under way have been read. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#serving)
  }

  /** A connection that is being served begins anew at a later boundary: its backlog comes first. */
  #take(pass: Pass): Map<Connection, number> {
    const taken = new Map<Connection, number>()
    const windows = new Set<string>()
    const found = new Set<string>()
    for (const [connection, since] of this.#waiting) {
      // Another server may have shown it what this pass does not see yet: it must not go back.
      if (since >= pass.startedAt || !this.#canBegin(connection)) continue
      const isAlone = this.#slow.has(connection) || this.#alone.has(connection)
      if (isAlone && taken.size > 0) continue
      if (!this.#isSettled(connection)) continue
      for (const definition of definitionsOf(connection))
        if (isNewWindow(definition, this.#parts.following))
          (isFoundByIndex(definition) ? found : windows).add(meaningOf(definition))
      if (taken.size > 0 && (windows.size > windowsPerBoundary || found.size > foundPerBoundary)) break
      taken.set(connection, since)
      if (isAlone || taken.size === connectionsPerBoundary) break
    }
    for (const connection of taken.keys()) this.#waiting.delete(connection)
    return taken
  }

  /** Else what it joins is asked again with the next pass, and it begins then. */
  #isSettled(connection: Connection): boolean {
    const { following, wake } = this.#parts
    const followed = [...connection.feeds.values()].map(({ definition }) => definition)
    const doubtful = [...definitionsOf(connection), ...followed].filter(
      (definition) => following.has(definition) && following.isDoubtful(definition),
    )
    for (const { relation } of doubtful) following.unsettle(relation.id)
    if (doubtful.length > 0) wake()
    return doubtful.length === 0
  }

  #putBack(taken: ReadonlyMap<Connection, number>): void {
    for (const [connection, since] of taken)
      if (!this.#waiting.has(connection)) this.#waiting.set(connection, since)
  }

  /** None if none can be had now: those who wait go on waiting, and the live stream goes on. */
  async #open(connections: readonly Connection[], pass: Pass): Promise<SnapshotReader[]> {
    const ids = new Set(
      connections.flatMap((connection) => [...connection.feeds.keys(), ...connection.pending.keys()]),
    )
    const snapshotId = await pass.exportSnapshot()
    try {
      return await this.#parts.readers.open(Math.max(1, Math.ceil(ids.size / snapshotsPerReader)), snapshotId)
    } catch (error) {
      this.#parts.logger.warn(
        { err: error, delayMs: retryMs },
        'no connection to read snapshots; trying again',
      )
      this.#notBefore = performance.now() + retryMs
      setTimeout(this.#parts.wake, retryMs).unref()
      return []
    }
  }

  async #readNewWindows(client: pg.ClientBase, connections: readonly Connection[]): Promise<Windows> {
    const { following, limits } = this.#parts
    for (const connection of connections) this.#alone.delete(connection)
    const { windows, refused, hurried } = await readNewWindows(client, connections, { following, limits })
    for (const connection of connections)
      if (definitionsOf(connection).some((definition) => hurried.has(nameOf(definition))))
        this.#alone.add(connection)
    if (refused.size > 0) void this.#askAgain(connections, refused)
    return windows
  }

  /**
   * PostgreSQL refuses to say what subscriptions show: they may have become another thing since they were asked for, and else
   * end. What is refused while others are asked again is so at a later boundary, too.
   *
   * @param refused why, by their names
   */
  async #askAgain(connections: readonly Connection[], refused: ReadonlyMap<string, unknown>): Promise<void> {
    if (this.#isAskingAgain) return
    this.#isAskingAgain = true
    const awaited = connections.flatMap((connection) =>
      definitionsOf(connection)
        .filter((definition) => refused.has(nameOf(definition)))
        .map((definition) => ({ connection, definition, error: refused.get(nameOf(definition)) })),
    )
    for (const { connection, definition, error } of await this.#parts.redefine(awaited))
      if (isPending(connection, definition)) this.#end(connection, definition, error)
    this.#isAskingAgain = false
  }

  /** False if something that its client shows as it was cannot begin: it is locked, its last follower has just left, or it is to be asked again first. */
  #isReady(connection: Connection, windows: Windows): boolean {
    for (const { definition, isShown } of connection.pending.values())
      if (isShown && !this.#canFollow(definition, windows)) return false
    return true
  }

  #canFollow(definition: Definition, windows: Windows): boolean {
    const { following } = this.#parts
    if (windows.has(nameOf(definition))) return true
    return !isNewWindow(definition, following) && !following.isDoubtful(definition)
  }

  #awaitLater(connection: Connection): void {
    setTimeout(() => connection.isOpen && this.await(connection), pendingMs)
  }

  #begin(connection: Connection, to: string, windows: Windows): void {
    const missing = connection.beginAt(to)
    if (missing.reset) connection.send('reset', { reason: missing.reset })
    const allowance = this.#parts.allowanceOf(connection)
    for (const [id, { definition, isHeld }] of connection.pending) {
      const window = windows.get(nameOf(definition))
      if (window instanceof RowcastError) {
        this.#end(connection, definition, window)
        continue
      }
      if (!this.#canFollow(definition, windows)) continue // at a later boundary
      const refusal = refusalOf(() =>
        allowance.takeRows(window?.size ?? this.#parts.following.rowCountOf(definition)),
      )
      if (refusal) {
        this.#end(connection, definition, refusal)
        continue
      }
      connection.pending.delete(id)
      this.#parts.following.follow(connection, definition, window ?? new Set())
      if (!isHeld) missing.fresh.add(id)
    }
  }

  async #serve(
    connections: readonly Connection[],
    readers: readonly SnapshotReader[],
    boundary: Boundary,
  ): Promise<void> {
    const failed = await serve(connections, readers, boundary, {
      limits: this.#parts.limits,
      metrics: this.#parts.metrics,
      hasChanged: this.#parts.hasChanged,
      end: (connection, definition, error) => this.#end(connection, definition, error),
    })
    const breather = new Breather()
    for (const connection of connections) {
      if (breather.isDue) await breather.rest()
      if (!connection.isOpen) continue
      const failure = failed.get(connection)
      if (failure === undefined) this.#join(connection, boundary)
      else if (failure === tooSlow) {
        this.#slow.add(connection)
        void this.#resume(connection)
      } else {
        this.#parts.logger.warn(
          { err: failure, delayMs: retryMs },
          'could not read for a client; trying again',
        )
        void this.#resume(connection, retryMs)
      }
    }
    this.#parts.wake()
  }

  #join(connection: Connection, { to, position }: Boundary): void {
    if (!connection.joinAt(to, position)) return void this.#resume(connection)
    this.#slow.delete(connection)
    if (connection.pending.size > 0) this.#awaitLater(connection)
  }

  /** Once it has taken off what it was sent. */
  async #resume(connection: Connection, delayMs = 0): Promise<void> {
    connection.startOver()
    this.#waiting.delete(connection) // whatever else it has asked for comes with the rest
    this.#behind.add(connection)
    await drained(connection)
    if (delayMs > 0) await sleep(delayMs)
    this.#behind.delete(connection)
    if (connection.isOpen) this.await(connection)
  }

  #end(connection: Connection, definition: Definition, error: unknown): void {
    this.#parts.logger.warn({ err: error, subscription: definition.id }, 'a subscription could not be read')
    this.#parts.following.end(connection, definition.id, error)
  }
}

/** Those whose position is older than what is left of the log begin afresh, and are told so. */
async function expire(client: pg.ClientBase, connections: readonly Connection[]): Promise<void> {
  const from = connections.flatMap((connection) => {
    const { missing } = connection
    const seen = [...(missing?.inbox.values() ?? [])]
    if (typeof missing?.from === 'string') seen.push([missing.from])
    return seen.length > 0 ? [{ connection, seen }] : []
  })
  if (from.length === 0) return
  const { rows } = await client.query('select event.log_horizon()::text as horizon')
  const horizon = BigInt(rows[0].horizon)
  for (const { connection, seen } of from)
    if (seen.some((snapshots) => snapshots.every((text) => xminOf(text) < horizon)))
      connection.expire('position_expired')
}

function isPending({ isOpen, pending }: Connection, definition: Definition): boolean {
  const awaited = pending.get(definition.id)
  return isOpen && awaited !== undefined && nameOf(awaited.definition) === nameOf(definition)
}

function refusalOf(work: () => void): RowcastError | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    if (error instanceof RowcastError) return error
    throw error
  }
}
