import { io, type Socket } from 'socket.io-client'
import {
  defaultPath,
  protocolVersion,
  type Attached,
  type Reply,
  type Snapshot,
  type Subscribed,
} from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'

/**
 * A session that costs its process little: a real Socket.IO client, without a store. It counts what it is told, so that thousands
 * of them can be seen to be there, and to be left alone.
 */
export class LeanClient {
  /** Snapshots that it was given whole. */
  snapshots = 0
  /** Changes that it was told of. */
  changes = 0
  readonly faults: string[] = []
  readonly #socket: Socket
  readonly #live: Promise<void>
  #awaited: { readonly snapshots: number; resolve(): void; reject(error: Error): void } | undefined

  constructor(url: string, auth: object) {
    const socket = io(url, {
      path: defaultPath,
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      timeout: 60_000,
      auth,
    })
    this.#socket = socket
    socket.on('snapshot', ({ done }: Snapshot) => {
      if (done) this.snapshots++
      if (this.snapshots === this.#awaited?.snapshots) this.#awaited.resolve()
    })
    socket.on('batch', () => this.changes++)
    socket.on('ended', ({ message }: { message: string }) => this.#fail(message))
    socket.on('disconnect', (reason) => this.#fail(`disconnected: ${reason}`))
    this.#live = new Promise((resolve) => socket.on('progress', () => resolve()))
  }

  /** Resolves when all is shown. */
  async attach(subscriptions: readonly Subscription[]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.on('connect', resolve)
      this.#socket.on('connect_error', reject)
    })
    const reply = (await this.#socket.emitWithAck('attach', {
      protocol: protocolVersion,
      subscriptions: subscriptions.map((subscription) => ({ subscription })),
    })) as Reply<Attached>
    if (!reply.ok) throw new Error(reply.message)
    for (const subscribed of reply.value.subscriptions)
      if (!subscribed.ok) throw new Error(subscribed.message)
    await this.#live
  }

  async subscribe(subscription: Subscription): Promise<void> {
    const reply = (await this.#socket.emitWithAck('subscribe', { subscription })) as Reply<Subscribed>
    if (!reply.ok) throw new Error(reply.message)
  }

  /** Resolves when so many subscriptions have been shown, from the beginning on; rejects when something goes wrong meanwhile. */
  async shown(snapshots: number): Promise<void> {
    if (this.snapshots < snapshots)
      await new Promise<void>((resolve, reject) => (this.#awaited = { snapshots, resolve, reject }))
  }

  #fail(fault: string): void {
    this.faults.push(fault)
    this.#awaited?.reject(new Error(fault))
  }
}
