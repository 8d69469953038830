import type { RowcastError } from '../../shared/errors.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { textOf } from '../core/definition.ts'
import { follow, type Followed } from '../core/followed.ts'
import { Replica, type Commit } from '../core/replica.ts'
import { Subscriptions } from '../core/subscriptions.ts'
import { Sync, type SyncMessage } from '../core/sync.ts'
import type { SessionKey } from '../core/wire.ts'
import { ModelServer, type ModelConnection } from './model-server.ts'

/** A client without sockets, before a model server. What the server sends waits until it is delivered. */
export class Rig {
  readonly server: ModelServer
  readonly sync: Sync
  readonly subscriptions: Subscriptions
  readonly errors: RowcastError[] = []
  commits = 0
  lives = 0
  relations: Commit['relations'] = new Map()
  connection: ModelConnection | undefined
  session: SessionKey | undefined
  /** Messages, and what answers. */
  #waiting: (SyncMessage | (() => void))[] = []
  #sent: SyncMessage[] = []
  #doubled = 0

  constructor(
    server = new ModelServer(['public.person']),
    { resyncIntervalMs = 0, retryDelayMs = 1, graceMs = 1e6, restore = false } = {},
  ) {
    this.server = server
    this.sync = new Sync({
      replica: new Replica(),
      interests: () => this.subscriptions,
      publish: ({ relations }) => {
        this.relations = relations
        this.commits++
      },
      onLive: () => this.lives++,
      onCatchUp: () => undefined,
      onUnfit: (error) => {
        this.errors.push(error)
        this.disconnect()
      },
      report: (error) => this.errors.push(error),
      resyncIntervalMs,
      retryDelayMs,
      restore,
    })
    this.subscriptions = new Subscriptions(graceMs, this.sync)
  }

  follow<T>(subscription: Subscription): Followed<T> {
    return follow<T>({
      subscription,
      text: textOf(subscription),
      subscriptions: this.subscriptions,
      connect: () => undefined,
    })
  }

  /** Connects, and attaches; the answer waits with everything else. */
  connect(lag = 0): void {
    this.disconnect()
    const connection = this.server.connect((name, message) => this.send({ name, ...message } as SyncMessage))
    connection.lag = lag
    this.connection = connection
    const later =
      <T>(reply: (result: T) => void) =>
      (result: T): void =>
        void this.#waiting.push(() => reply(result))
    this.sync.attach(
      {
        attach: (request, reply) => connection.attach(request, later(reply)),
        subscribe: (request, reply) => connection.subscribe(request, later(reply)),
        unsubscribe: (request) => connection.unsubscribe(request),
        acknowledge: (request) => connection.acknowledge(request),
      },
      this.session,
      (reply) => {
        if (reply.ok) this.session = reply.value.session
      },
    )
  }

  /** Loses the connection, and what has not been delivered. */
  disconnect(): void {
    this.connection?.close()
    this.connection = undefined
    this.#waiting = []
    this.#sent = []
    this.sync.detach()
  }

  send(message: SyncMessage): void {
    if (message.name === 'catch_up') this.#sent = []
    this.#sent.push(message)
    if (this.#doubled > 0 && (message.name === 'batch' || message.name === 'snapshot')) {
      this.#doubled--
      this.#waiting.push(message)
    }
    this.#waiting.push(message)
  }

  /** So many of the next rows or changes are sent twice. */
  double(count: number): void {
    this.#doubled = count
  }

  /** Sends once more what this connection has sent since it last began to catch up: rows or changes. */
  repeat(index: number): void {
    const messages = this.#sent.filter(({ name }) => name === 'batch' || name === 'snapshot')
    const message = messages.at(-1 - (index % Math.max(1, messages.length)))
    if (message) this.send(message)
  }

  /** Delivers so many of what waits. */
  deliver(count = Infinity): void {
    for (let n = 0; n < count; n++) {
      const next = this.#waiting.shift()
      if (!next) return
      if (typeof next === 'function') next()
      else this.sync.receive(next)
    }
  }

  /**
   * Delivers what waits next: an answer, or as many messages as may come to one commit, as if they had come within a frame.
   *
   * @returns how many
   */
  deliverTogether(atMost: number): number {
    const [first] = this.#waiting
    if (atMost === 1 || typeof first === 'function') {
      this.deliver(1)
      return 1
    }
    const messages: SyncMessage[] = []
    for (const next of this.#waiting.slice(0, atMost)) {
      if (typeof next === 'function') break
      messages.push(next)
      if (next.name === 'progress') break // may end a catching up, with a commit of its own
    }
    this.#waiting.splice(0, messages.length)
    this.sync.receive(...messages)
    return messages.length
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }
}
