import type { io } from 'socket.io-client'
import { Decoder, Encoder, PacketType, type Packet } from 'socket.io-parser'
import { keyText, type Row } from '../../shared/change.ts'
import type {
  Attached,
  AttachRequest,
  Batch,
  Reply,
  ServerToClientEvents,
  Subscribed,
} from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'

type Listener = (message: unknown) => void
type Answer = (error: null, reply: unknown) => void

/** What a subscription shows at first. */
export type Select = (subscription: Subscription) => readonly (readonly [string, Row])[]

const rowsPerSnapshot = 1_000

/**
 * A server at the other end of no wire. It answers as Rowcast's does, in the bytes of Socket.IO, which its parser reads as it would
 * read those that a connection brings.
 */
export class Loopback {
  readonly #listeners = new Map<string, Listener>()
  readonly #decoder = new Decoder()
  readonly #encoder = new Encoder()
  readonly #select: Select
  #position = 1_000_000

  constructor(select: Select) {
    this.#select = select
    this.#decoder.on('decoded', ({ data }: Packet) => {
      const [name, message] = data as [string, unknown]
      this.#listeners.get(name)?.(message)
    })
  }

  /** In place of Socket.IO's: the part of a socket that a client uses. */
  readonly io = ((): object => {
    const socket = {
      id: 'loopback',
      connected: false,
      active: true,
      on: (name: string, listener: Listener) => void this.#listeners.set(name, listener),
      connect: () => {
        socket.connected = true
        this.#listeners.get('connect')?.(undefined)
        return socket
      },
      disconnect: () => socket,
      emit: () => socket,
      emitWithAck: () => Promise.resolve({ ok: true, value: null }),
      timeout: () => ({
        ...socket,
        emit: (name: string, request: unknown, answer: Answer) => this.#answer(name, request, answer),
      }),
    }
    return socket
  }) as unknown as typeof io

  /** The text in which a message travels. */
  encode<E extends keyof ServerToClientEvents>(
    name: E,
    message: Parameters<ServerToClientEvents[E]>[0],
  ): string {
    const [text] = this.#encoder.encode({ type: PacketType.EVENT, nsp: '/', data: [name, message] })
    return text as string
  }

  /** The text of a batch of one transaction, which brings the page one position on. */
  batch(
    subscriptions: readonly Subscription[],
    changes: Batch['transactions'][number]['changes'],
    orders?: Batch['orders'],
  ): string {
    const id = String(++this.#position)
    return this.encode('batch', {
      to: this.#to,
      subscriptions: subscriptions.map((subscription) => subscribedTo(subscription).id),
      transactions: [{ id, at: '2026-01-02T03:04:05.678901Z', changes }],
      ...(orders && { orders }),
    })
  }

  receive(text: string): void {
    this.#decoder.add(text)
  }

  get #to(): string {
    return `7345678901234567890-0a1b2c3d4e5f/${this.#position}:${this.#position}:`
  }

  #answer(name: string, request: unknown, answer: Answer): void {
    if (name === 'attach') {
      const { subscriptions } = request as AttachRequest
      const asked = subscriptions.map(({ subscription }) => subscription as Subscription)
      const attached: Attached = {
        session: { id: 'b5b4b5c0-0000-4000-8000-000000000000', token: 'secret' },
        resumed: false,
        subscriptions: asked.map((subscription): Reply<Subscribed> => ({
          ok: true,
          value: subscribedTo(subscription),
        })),
        restored: [],
      }
      answer(null, { ok: true, value: attached })
      for (const subscription of asked) this.#sendRows(subscription)
      this.receive(this.encode('progress', { to: this.#to }))
    } else if (name === 'subscribe') {
      const { subscription } = request as { subscription: Subscription }
      answer(null, { ok: true, value: subscribedTo(subscription) })
      this.#sendRows(subscription)
    }
  }

  #sendRows(subscription: Subscription): void {
    const rows = this.#select(subscription)
    for (let start = 0; start === 0 || start < rows.length; start += rowsPerSnapshot)
      this.receive(
        this.encode('snapshot', {
          subscription: subscribedTo(subscription).id,
          to: this.#to,
          shape: '16384 1',
          rows: rows.slice(start, start + rowsPerSnapshot).map(([key, row]) => [key, row]),
          done: start + rowsPerSnapshot >= rows.length,
        }),
      )
  }
}

/** Ids as the server writes them. */
export function subscribedTo(subscription: Subscription): Subscribed {
  const relation = `public.${subscription.relation}`
  if (subscription.kind === 'row') {
    const key = keyText(subscription.key)
    return { id: `row:${relation}.${subscription.key.join('.')}`, relation, key }
  }
  if (subscription.kind === 'table' && subscription.orderBy)
    return { id: `query:${relation}:0123456789abcdef0123456789abcdef`, relation }
  return { id: `table:${relation}`, relation }
}
