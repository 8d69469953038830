import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import pg from 'pg'
import { clientConfig, type Database } from './pool.ts'

export interface ConnectionWatchOptions {
  readonly database: Database
  readonly logger: Logger
  /** Between two looks. Default: 1 s. */
  readonly lookMs?: number
}

/** A database that has not answered for so many looks has gone silent. */
const looksAtSilence = 10

/**
 * Ends the connections to a database that has gone silent: a machine that has lost its power, or a router that has forgotten
 * them, neither answers nor ends a connection, and the operating system would wait for a quarter of an hour. Whoever used
 * them then connects anew, and may find a standby that has taken over.
 *
 * A query may take long, so silence alone says nothing. A question of its own, which is answered at once or never, tells. Looks
 * are counted rather than time: a pause of this process must not make a healthy database look silent.
 */
export class ConnectionWatch {
  /** To be used for all connections that are to be watched. */
  readonly database: Database
  readonly #options: ConnectionWatchOptions
  readonly #closing = new AbortController()
  readonly #sockets = new Map<Socket, { bytes: number; looks: number }>()
  /** They may lead to where nobody answers any more. */
  readonly #suspects = new WeakSet<Socket>()
  #client: pg.Client | undefined
  /** Looks since the question was asked that has not been answered yet. */
  #unanswered: number | undefined
  #running: Promise<void> | undefined

  constructor(options: ConnectionWatchOptions) {
    const { database } = options
    this.#options = options
    const config = typeof database === 'string' ? { connectionString: database } : database
    this.database = { stream: () => this.#createSocket(), ...config }
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#running
    await this.#client?.end().catch(() => undefined)
    this.#client = undefined
  }

  #createSocket(): Socket {
    const socket = new Socket()
    this.#sockets.set(socket, { bytes: 0, looks: 0 })
    socket.once('close', () => this.#sockets.delete(socket))
    return socket
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      if (this.#unanswered === undefined) void this.#ask()
      else if (++this.#unanswered >= looksAtSilence) this.#suspectAll()
      this.#look()
      await sleep(this.#options.lookMs ?? 1_000, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Ends the suspects that have long been silent; who is heard of is suspected no more. */
  #look(): void {
    const silent: Socket[] = []
    for (const [socket, seen] of this.#sockets) {
      const isHeard = socket.bytesRead !== seen.bytes
      seen.bytes = socket.bytesRead
      seen.looks = isHeard ? 0 : seen.looks + 1
      if (isHeard) this.#suspects.delete(socket)
      else if (seen.looks >= looksAtSilence && this.#suspects.has(socket)) silent.push(socket)
    }
    if (silent.length === 0) return
    this.#options.logger.warn(
      { connections: silent.length },
      'the database has gone silent: ended connections that it does not answer',
    )
    for (const socket of silent)
      socket.destroy(Object.assign(new Error('the database has gone silent'), { code: 'ETIMEDOUT' }))
  }

  #suspectAll(): void {
    for (const socket of this.#sockets.keys()) this.#suspects.add(socket)
  }

  /** That it cannot be asked is an answer: whoever uses the database is told as well. */
  async #ask(): Promise<void> {
    this.#unanswered = 0
    try {
      this.#client ??= await this.#connect()
      await this.#client.query('select')
    } catch {
      this.#client = undefined
    }
    this.#unanswered = undefined
  }

  /**
   * Its connection may have broken together with others, of which nobody has been told. (Should it alone have been ended, a
   * query that takes long may be cut off with it.)
   */
  async #connect(): Promise<pg.Client> {
    this.#suspectAll()
    const client = new pg.Client(clientConfig(this.database))
    client.on('error', () => undefined) // its queries fail too
    await client.connect()
    if (this.#closing.signal.aborted) await client.end()
    return client
  }
}
