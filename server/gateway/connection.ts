import type { Server, Socket } from 'socket.io'
import type { ClientToServerEvents, ServerToClientEvents } from '../../shared/protocol.ts'
import type { SubscriptionId, Subscription } from '../../shared/subscription.ts'
import type { Feed } from '../routing/feed.ts'
import type { Identity } from '../session/identity.ts'
import { EncodedJson } from './encoded-json.ts'

/** What the server sends to rooms and sockets is encoded beforehand, once for all who get the same. */
export type EncodedEvents = { [E in keyof ServerToClientEvents]: (message: EncodedJson) => void }
export interface SocketData {
  identity: Identity
}
export type GatewayServer = Server<ClientToServerEvents, EncodedEvents, Record<string, never>, SocketData>
export type GatewaySocket = Socket<ClientToServerEvents, EncodedEvents, Record<string, never>, SocketData>

/** Every connection that stands at the reader's position is in this room. */
export const liveRoom = 'live'

/** The sockets that are attached to one session here. Batches go to its room. */
export class LiveSession {
  readonly id: string
  readonly connections = new Set<Connection>()
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

  get room(): string {
    return `session:${this.id}`
  }
}

/**
 * One attached socket. It is in the rooms while it stands at the reader's position. While it catches up
 * it is not: what concerns its session meanwhile waits in its backlog, so that no live batch overtakes
 * the catch-up and none falls between.
 */
export class Connection {
  readonly socket: GatewaySocket
  readonly session: LiveSession
  /** What it asked for, by id: also what it will be given at the next boundary only. */
  readonly wanted = new Map<SubscriptionId, Subscription>()
  readonly feeds = new Map<SubscriptionId, Feed<LiveSession>>()
  #isCatchingUp = true
  #backlog: EncodedJson[] = []

  constructor(socket: GatewaySocket, session: LiveSession) {
    this.socket = socket
    this.session = session
    session.connections.add(this)
  }

  get identity(): Identity {
    return this.socket.data.identity
  }

  get isOpen(): boolean {
    return this.socket.connected
  }

  get isCatchingUp(): boolean {
    return this.#isCatchingUp
  }

  send<E extends keyof ServerToClientEvents>(
    event: E,
    message: Parameters<ServerToClientEvents[E]>[0],
  ): void {
    const encoded: { emit(event: E, message: EncodedJson): unknown } = this.socket
    encoded.emit(event, new EncodedJson(JSON.stringify(message)))
  }

  /** A batch that concerns the session while this connection is out of its room. */
  keep(batch: EncodedJson): void {
    if (this.#isCatchingUp) this.#backlog.push(batch)
  }

  /** Steps out of the rooms, at the reader's position. */
  leaveRooms(): void {
    this.#isCatchingUp = true
    this.#backlog = [] // what the session's other connections got before is part of what this one is about to be given
    void this.socket.leave(this.session.room)
    void this.socket.leave(liveRoom)
  }

  /** Stands at the reader's position again, once it has been sent what it missed. */
  joinRooms(): void {
    for (const batch of this.#backlog) this.socket.emit('batch', batch)
    this.#backlog = []
    this.#isCatchingUp = false
    void this.socket.join([this.session.room, liveRoom])
  }
}
