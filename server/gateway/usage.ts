import type { Socket as EngineSocket } from 'engine.io'
import { RowcastError } from '../../shared/errors.ts'
import { ownerOf, type Identity } from '../session/identity.ts'
import { connectError, type ConnectError } from './authenticate.ts'
import type { GatewaySocket } from './connection.ts'
import { Lane } from './lane.ts'
import type { Limits } from './limits.ts'
import { byteBucket, TokenBucket } from './token-bucket.ts'

/** So many requests of one identity are worked on at once: the connections to the database are everybody's. */
const requestsAtOnce = 16

/** What one identity has of this server, over all its connections. */
export class Usage {
  readonly sockets = new Set<GatewaySocket>()
  readonly messages: TokenBucket
  readonly bytes: TokenBucket
  readonly lane = new Lane(requestsAtOnce)

  constructor(limits: Limits) {
    this.messages = new TokenBucket(limits.messagesPerSecondPerIdentity, limits.messagesAtOncePerIdentity)
    this.bytes = byteBucket(limits.bytesPerSecondPerIdentity)
  }

  /** Nothing that was sent counts any more. */
  get isRested(): boolean {
    return this.messages.isFull && this.bytes.isFull
  }
}

/** Who uses how much. Connections of a role without a claim `sub` may be anybody's: each is counted by itself. */
export class Usages {
  readonly #usages = new Map<string, Usage>()
  readonly #byConnection = new WeakMap<EngineSocket, Usage>()
  readonly #limits: Limits

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /**
   * Counts a socket that is about to be let in, until it has gone.
   *
   * @returns `limit_exceeded` if its identity has as many connections as it may
   */
  enter(socket: GatewaySocket): ConnectError | undefined {
    const { connectionsPerIdentity } = this.#limits
    const { conn } = socket
    const name = nameOf(socket.data.identity)
    const usage = (name === undefined ? undefined : this.#usages.get(name)) ?? new Usage(this.#limits)
    if (usage.sockets.size >= connectionsPerIdentity)
      return connectError(
        new RowcastError(
          'limit_exceeded',
          `this user has ${connectionsPerIdentity} connections (limits.connectionsPerIdentity): close one`,
        ),
      )
    this.#byConnection.set(conn, usage)
    if (conn.readyState === 'closed') return undefined // it went meanwhile, and nobody will be told
    usage.sockets.add(socket)
    if (name !== undefined) this.#usages.set(name, usage)
    const leave = () => {
      conn.off('close', leave)
      if (usage.sockets.delete(socket) && name !== undefined && usage.sockets.size === 0)
        this.#forgetLater(name, usage)
    }
    socket.on('disconnect', leave)
    conn.on('close', leave) // also before it is let in
    return undefined
  }

  /** Of who has entered over a connection. */
  of(connection: EngineSocket): Usage | undefined {
    return this.#byConnection.get(connection)
  }

  /** Not at once: who leaves and comes back has used what it had used. */
  #forgetLater(name: string, usage: Usage): void {
    const forget = () => {
      if (usage.sockets.size > 0 || this.#usages.get(name) !== usage) return
      if (usage.isRested) this.#usages.delete(name)
      else this.#forgetLater(name, usage)
    }
    setTimeout(forget, forgetMs).unref()
  }
}

const forgetMs = 10_000

function nameOf(identity: Identity): string | undefined {
  const { role, subject } = ownerOf(identity)
  return subject === null ? undefined : JSON.stringify([role, subject])
}
