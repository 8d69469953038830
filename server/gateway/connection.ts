import type { Server, Socket } from 'socket.io'
import type { ClientToServerEvents, ResetReason, ServerToClientEvents } from '../../shared/protocol.ts'
import type { SubscriptionId, Subscription } from '../../shared/subscription.ts'
import type { Definition } from '../routing/definition.ts'
import type { Feed } from '../routing/feed.ts'
import type { Identity } from '../session/identity.ts'
import { EncodedJson } from './encoded-json.ts'
import { nothing, type Missing } from './missing.ts'
import { Outbox } from './outbox.ts'

/** What the server sends is encoded beforehand, once for all who get the same. */
export type EncodedEvents = { [E in keyof ServerToClientEvents]: (message: EncodedJson) => void }
export interface SocketData {
  identity: Identity
}
export type GatewayServer = Server<ClientToServerEvents, EncodedEvents, Record<string, never>, SocketData>
export type GatewaySocket = Socket<ClientToServerEvents, EncodedEvents, Record<string, never>, SocketData>

/** Every connection that stands at the reader's position is in this room, for what all of them are told. */
export const liveRoom = 'live'

/** The sockets that are attached to one session here. */
export class LiveSession {
  readonly id: string
  readonly connections = new Set<Connection>()
  readonly #audiences = new Map<string, Audience>()
  #written: Promise<unknown> = Promise.resolve()

  constructor(id: string) {
    this.id = id
  }

  /** Writes to what is kept of the session, one after the other: who unsubscribes and subscribes again is subscribed. */
  write(work: () => Promise<void>): Promise<void> {
    const writing = this.#written.then(work)
    this.#written = writing.catch(() => undefined)
    return writing
  }

  /** Those of its connections that have this identity. */
  audienceOf(identity: Identity): Audience {
    const name = JSON.stringify([identity.role, identity.claims])
    for (const [other, { connections }] of this.#audiences)
      if (connections.size === 0) this.#audiences.delete(other)
    const audience = this.#audiences.get(name) ?? new Audience()
    this.#audiences.set(name, audience)
    return audience
  }
}

/**
 * The connections of one session that see the same, since their claims are equal. Batches go to these: two tokens of
 * one user may differ in what they allow.
 */
export class Audience {
  readonly connections = new Set<Connection>()
}

type OnSent = (event: keyof ServerToClientEvents, message: EncodedJson) => void

/** Something that a connection is yet to follow. */
export interface Pending {
  readonly definition: Definition
  /** It goes on from `missing.from`; else it is given afresh. */
  readonly isHeld: boolean
  /** The client shows its rows as they were: it must not be told of a later position before it has been given it. */
  readonly isShown: boolean
}

/**
 * One attached socket. While it stands at the reader's position it is live, that is, it is sent batches as they come.
 * Whoever begins, comes back, is too slow or follows what changes too much at once is not, and catches up: it is
 * given, at a batch boundary, what it misses, and meanwhile what concerns its session waits in its
 * backlog, so that no live batch overtakes the catch-up and none falls between.
 */
export class Connection {
  readonly socket: GatewaySocket
  readonly session: LiveSession
  readonly outbox: Outbox
  /** What it asked for, by id: also what it will be given at the next boundary only. */
  readonly wanted = new Map<SubscriptionId, Subscription>()
  /** What it has just asked for, and its session is yet to note. */
  readonly asked = new Map<SubscriptionId, Definition>()
  /** What it begins to follow at the next boundary. */
  readonly pending = new Map<SubscriptionId, Pending>()
  readonly feeds = new Map<SubscriptionId, Feed<Audience>>()
  #audience: Audience
  #renewed: Promise<unknown> = Promise.resolve()
  readonly #maxBufferedBytes: number
  readonly #onSent: OnSent
  #missing: Missing | undefined
  /** The client holds back what comes, up to the next `progress`. */
  #isHoldingBack = true
  #isServed = false
  /** What it is being given is all that it follows. */
  #isWhole = true
  /** Kept from the boundary on at which it is served, unless it gets too much. */
  #backlog: EncodedJson[] | undefined
  #backlogBytes = 0

  /**
   * @param maxBufferedBytes what may wait for this connection, in its backlog or on its way to the socket
   * @param onSent told of each message that is for this connection alone
   */
  constructor(
    socket: GatewaySocket,
    session: LiveSession,
    missing: Missing,
    maxBufferedBytes: number,
    onSent: OnSent = () => undefined,
  ) {
    this.socket = socket
    this.session = session
    this.outbox = new Outbox(socket)
    this.#missing = missing
    this.#maxBufferedBytes = maxBufferedBytes
    this.#onSent = onSent
    session.connections.add(this)
    this.#audience = session.audienceOf(socket.data.identity)
    this.#audience.connections.add(this)
  }

  get audience(): Audience {
    return this.#audience
  }

  get identity(): Identity {
    return this.socket.data.identity
  }

  /** It has gone. */
  leave(): void {
    this.session.connections.delete(this)
    this.#audience.connections.delete(this)
  }

  /** Something may be sent to it: it is there, and its time is not over. */
  get isOpen(): boolean {
    return this.socket.connected && (this.identity.expiresAt ?? Infinity) > Date.now()
  }

  get isLive(): boolean {
    return this.#missing === undefined
  }

  get missing(): Missing | undefined {
    return this.#missing
  }

  /** It is being given what it misses. */
  get isServed(): boolean {
    return this.#isServed
  }

  /** More has been sent than it takes off. */
  get isSlow(): boolean {
    return this.outbox.bytes > this.#maxBufferedBytes
  }

  /** What waits for it, on its way to the socket or in its backlog, in characters. */
  get bufferedCharacters(): number {
    return this.outbox.bytes + this.#backlogBytes
  }

  /** It has taken off enough of what was sent to be sent more. Far less than is allowed: heartbeats wait behind it. */
  get isDrained(): boolean {
    return this.outbox.bytes <= this.#maxBufferedBytes / 4
  }

  send<E extends keyof ServerToClientEvents>(
    event: E,
    message: Parameters<ServerToClientEvents[E]>[0],
  ): void {
    this.emit(event, new EncodedJson(JSON.stringify(message)))
  }

  emit(event: keyof ServerToClientEvents, message: EncodedJson): void {
    this.outbox.add(message.text.length)
    const encoded: { emit(event: string, message: EncodedJson): unknown } = this.socket
    encoded.emit(event, message)
    this.#onSent(event, message)
  }

  /** A message that it is about to be sent together with others. */
  count(message: EncodedJson): void {
    this.outbox.add(message.text.length)
  }

  /** A batch that concerns the session while this connection is not live. */
  keep(batch: EncodedJson): void {
    if (!this.#backlog) return
    this.#backlog.push(batch)
    this.#backlogBytes += batch.text.length
    if (this.#backlogBytes > this.#maxBufferedBytes) this.#dropBacklog()
  }

  /**
   * Is not live any more: the client has been sent everything up to a snapshot, and nothing after it. False
   * if it has not been live already: it is being served from elsewhere, and will be once more.
   */
  fallBehind(from: string): boolean {
    if (this.#missing) {
      this.#dropBacklog()
      return false
    }
    this.#leaveLive()
    this.#missing = { ...nothing(), from }
    return true
  }

  /** What it had is of no use any more: it is given everything afresh, and told why. */
  expire(reset: ResetReason): void {
    this.#missing = { ...nothing(), reset }
  }

  /** What it was following, and shows, begins anew at the next boundary; what it is being given just now lacks that. */
  suspend(definition: Definition): void {
    this.pending.set(definition.id, { definition, isHeld: false, isShown: true })
    this.#isWhole = false
  }

  /**
   * Sees with other claims from now on, and is given everything afresh as these see it; it must follow nothing any
   * more. False if it was not live: then it is about to be given something anyway.
   */
  become(identity: Identity): boolean {
    const wasLive = this.isLive
    if (wasLive) this.#leaveLive()
    this.#missing = { ...(this.#missing ?? nothing()), from: null }
    this.#isWhole = false
    this.enter(identity)
    return wasLive
  }

  /** Lets it become somebody else, one after the other: in the end it is who it was said to be last. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const working = this.#renewed.then(work)
    this.#renewed = working.catch(() => undefined)
    return working
  }

  /** Goes on with other claims: it belongs to those of its session that have the same. */
  enter(identity: Identity): void {
    this.#audience.connections.delete(this)
    this.socket.data.identity = identity
    this.#audience = this.session.audienceOf(identity)
    this.#audience.connections.add(this)
  }

  /** Tells the client that what follows belongs together, and that nothing of what was sent of it before counts. */
  startOver(): void {
    this.#isServed = false
    this.#dropBacklog()
    this.#isHoldingBack = true
    this.send('catch_up', {})
  }

  /** Begins to be served at a boundary, where the reader stands. */
  beginAt(to: string): Missing {
    if (!this.#missing) this.#leaveLive()
    this.#missing ??= { ...nothing(), from: to }
    this.#isServed = true
    this.#isWhole = true
    this.#backlog = [] // what the session's other connections got before is part of what this one is about to be given
    this.#backlogBytes = 0
    return this.#missing
  }

  /**
   * Has been given everything up to the boundary at which it was served, and is live again. False if something
   * of it was suspended meanwhile: then it is to be given all of it again; or if more has come meanwhile
   * than may wait for it: then it has yet to be given what came since.
   *
   * @param position of the boundary, as the client is told it
   */
  joinAt(to: string, position: string): boolean {
    this.#isServed = false
    if (!this.#isWhole) return false
    this.#missing = { ...nothing(), from: to }
    if (this.#isHoldingBack) this.send('progress', { to: position })
    this.#isHoldingBack = false
    // Once any of it has been sent, it could not be given what came since the boundary without getting that twice.
    if (!this.#backlog || this.outbox.bytes + this.#backlogBytes > this.#maxBufferedBytes) return false
    for (const batch of this.#backlog) this.emit('batch', batch)
    this.#dropBacklog()
    this.#missing = undefined
    this.#joinLive()
    return true
  }

  #joinLive(): void {
    void this.socket.join(liveRoom)
  }

  #leaveLive(): void {
    void this.socket.leave(liveRoom)
  }

  #dropBacklog(): void {
    this.#backlog = undefined
    this.#backlogBytes = 0
  }
}
