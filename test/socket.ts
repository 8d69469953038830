import { io, type Socket } from 'socket.io-client'
import {
  defaultPath,
  protocolVersion,
  type Attached,
  type AttachRequest,
  type Batch,
  type CatchUp,
  type Ended,
  type Expired,
  type Leave,
  type Progress,
  type Reply,
  type Reset,
  type Snapshot,
  type Subscribed,
} from '../shared/protocol.ts'
import type { Subscription } from '../shared/subscription.ts'

interface Messages {
  batch: Batch
  snapshot: Snapshot
  progress: Progress
  reset: Reset
  ended: Ended
  catch_up: CatchUp
  leave: Leave
  expired: Expired
}
type EventName = keyof Messages
export type Message = { [E in EventName]: { readonly event: E; readonly message: Messages[E] } }[EventName]

const events = ['batch', 'snapshot', 'progress', 'reset', 'ended', 'catch_up', 'leave', 'expired'] as const

/** A bare Socket.IO client that speaks the protocol by hand and keeps what it is sent. */
export class TestSocket implements AsyncDisposable {
  readonly socket: Socket
  readonly messages: Message[] = []
  #waiting: (() => void)[] = []

  constructor(url: string, auth: Record<string, unknown> = {}) {
    this.socket = io(url, {
      path: defaultPath,
      transports: ['websocket'],
      auth,
      reconnection: false,
      forceNew: true,
    })
    for (const event of events)
      this.socket.on(event, (message: Messages[typeof event]) => {
        this.messages.push({ event, message } as Message)
        for (const check of this.#waiting) check()
      })
  }

  request<T>(event: string, message: unknown): Promise<Reply<T>> {
    return this.socket.timeout(10_000).emitWithAck(event, message) as Promise<Reply<T>>
  }

  attach(request: Partial<AttachRequest> = {}): Promise<Reply<Attached>> {
    return this.request('attach', { protocol: protocolVersion, subscriptions: [], ...request })
  }

  async subscribe(subscription: Subscription): Promise<Subscribed> {
    const reply = await this.request<Subscribed>('subscribe', { subscription })
    if (!reply.ok) throw Object.assign(new Error(reply.message), { code: reply.code })
    return reply.value
  }

  /** The first message, from `after` on, for which the condition holds. */
  async next<E extends EventName>(
    event: E,
    condition: (message: Messages[E]) => boolean = () => true,
    after = 0,
  ): Promise<Messages[E]> {
    const found = () =>
      this.messages
        .slice(after)
        .filter((m) => m.event === event)
        .map((m) => m.message as Messages[E])
        .find(condition)
    return this.#until(found, event)
  }

  /** All atoms so far, in order: `op key …` for a short comparison. */
  get changes(): Batch['transactions'][number]['changes'] {
    return this.messages.flatMap((m) =>
      m.event === 'batch' ? m.message.transactions.flatMap((t) => t.changes) : [],
    )
  }

  /** Waits until the changes received so far meet a condition. */
  async until(condition: (changes: Batch['transactions'][number]['changes']) => boolean): Promise<void> {
    await this.#until(() => condition(this.changes) || undefined, 'changes')
  }

  async #until<T>(found: () => T | undefined, what: string): Promise<T> {
    const now = found()
    if (now !== undefined) return now
    return new Promise<T>((resolve, reject) => {
      const check = () => {
        const result = found()
        if (result === undefined) return
        finish()
        resolve(result)
      }
      const timer = setTimeout(() => {
        finish()
        reject(new Error(`waited 10 s for ${what}; got ${JSON.stringify(this.messages)}`))
      }, 10_000)
      const finish = () => {
        clearTimeout(timer)
        this.#waiting = this.#waiting.filter((other) => other !== check)
      }
      this.#waiting.push(check)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.disconnect()
  }
}
