import { io, type Socket } from 'socket.io-client'
import {
  defaultPath,
  protocolVersion,
  type Attached,
  type Batch,
  type Progress,
  type Reply,
  type Reset,
  type Snapshot,
  type Subscribed,
} from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'

/** What a client is told, and does nothing about by itself. */
export interface WireListener {
  snapshot(message: Snapshot): void
  batch(message: Batch): void
  reset(message: Reset): void
}

/**
 * A real Socket.IO client that speaks the protocol, and has no store: thousands of them fit into one process. It does not
 * come back by itself.
 */
export class WireClient {
  readonly #url: string
  readonly #sub: number
  readonly #listener: WireListener
  readonly #subscriptions: Subscription[]
  /** Of its subscriptions. */
  #ids: readonly string[] = []
  readonly #shapes = new Map<string, string>()
  #socket: Socket | undefined
  #session: Attached['session'] | undefined
  #position: string | undefined
  #onLive: () => void = () => undefined
  #onShown: () => void = () => undefined

  constructor(url: string, sub: number, listener: WireListener, subscriptions: readonly Subscription[] = []) {
    this.#url = url
    this.#sub = sub
    this.#listener = listener
    this.#subscriptions = [...subscriptions]
  }

  /**
   * Begins, or goes on from where it was: at once, and not after the delay of a real client. Resolves when it is live, and
   * has been shown all that it follows.
   */
  async connect(): Promise<void> {
    this.#socket?.disconnect()
    const socket = io(this.#url, {
      path: defaultPath,
      transports: ['websocket'],
      reconnection: false,
      timeout: 120_000,
      forceNew: true,
      auth: { sub: this.#sub },
    })
    this.#socket = socket
    this.#listen(socket)
    const live = new Promise<void>((resolve) => (this.#onLive = resolve))
    await new Promise<void>((resolve, reject) => {
      socket.on('connect', resolve)
      socket.on('connect_error', reject)
    })
    const reply = (await socket.emitWithAck('attach', {
      protocol: protocolVersion,
      ...(this.#session && { session: this.#session, position: this.#position }),
      subscriptions: this.#subscriptions.map((subscription, i) => {
        const held = this.#shapes.get(this.#ids[i] ?? '')
        return { subscription, ...(held !== undefined && { held }) }
      }),
    })) as Reply<Attached>
    const { session, subscriptions } = valueOf(reply)
    this.#session = session
    this.#ids = subscriptions.map((answer) => valueOf(answer).id)
    await live
    // What it has not been shown before may come a little later.
    while (this.#ids.some((id) => !this.#shapes.has(id))) await this.#untilShown()
  }

  /** Resolves when all rows have come. */
  async subscribe(subscription: Subscription): Promise<void> {
    const shown = this.#untilShown()
    const reply = (await this.#socket?.emitWithAck('subscribe', { subscription })) as Reply<Subscribed>
    this.#ids = [...this.#ids, valueOf(reply).id]
    this.#subscriptions.push(subscription)
    await shown
  }

  close(): void {
    this.#socket?.disconnect()
  }

  /** The rows of something have come, all of them. */
  #untilShown(): Promise<void> {
    return new Promise((resolve) => (this.#onShown = resolve))
  }

  #listen(socket: Socket): void {
    socket.on('snapshot', (message: Snapshot) => {
      this.#listener.snapshot(message)
      if (!message.done) return
      this.#shapes.set(message.subscription, message.shape)
      this.#onShown()
    })
    socket.on('batch', (message: Batch) => {
      this.#position = message.to
      this.#listener.batch(message)
    })
    socket.on('reset', (message: Reset) => this.#listener.reset(message))
    socket.on('progress', ({ to }: Progress) => {
      this.#position = to
      this.#onLive()
    })
  }
}

function valueOf<T>(reply: Reply<T>): T {
  if (reply.ok) return reply.value
  throw new Error(`${reply.code}: ${reply.message}`)
}
