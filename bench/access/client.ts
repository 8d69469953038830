import { io, type Socket } from 'socket.io-client'
import type { Row } from '../../shared/change.ts'
import {
  defaultPath,
  protocolVersion,
  type Attached,
  type Batch,
  type Progress,
  type Reply,
  type Snapshot,
} from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { Acknowledger } from '../../client/core/acknowledger.ts'
import { now } from '../suite/clock.ts'
import type { Arrival } from './judge.ts'
import { changeIn, channelOf } from './setting.ts'

/** As often as the real client. */
const acknowledgeMs = 5_000

/** A user with a page that shows all messages that he may see. It notes when which change came, and what should not have. */
export class AccessClient {
  readonly user: number
  /** What is shown: of each message the change that wrote it. */
  readonly shown = new Map<number, number>()
  readonly faults: string[] = []
  /** How many times the server began anew to say what there is. It may, if the user's rights have changed. */
  catchUps = 0
  /** When the last message had gone from the page. */
  emptiedAt: number | undefined
  /** When the server ended the subscription. */
  endedAt: number | undefined
  readonly #socket: Socket
  readonly #arrivals: Arrival[]
  readonly #live: Promise<void>
  readonly #acknowledger = new Acknowledger(acknowledgeMs, () =>
    this.#socket.emit('ack', { position: this.#position }, () => undefined),
  )
  #position = ''
  /** The first part of a snapshot has come, and not the last. */
  #isBeingShown = false
  /** Messages have been on the page since the last time that all had gone. */
  #hasShown = false
  #isExpecting = false

  /** @param arrivals where it notes what arrives */
  constructor(url: string, user: number, arrivals: Arrival[]) {
    this.user = user
    this.#arrivals = arrivals
    const socket = io(url, {
      path: defaultPath,
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      timeout: 30_000,
      auth: { sub: user },
    })
    this.#socket = socket
    this.#acknowledger.start()
    socket.on('snapshot', (message: Snapshot) => this.#show(message))
    socket.on('batch', (message: Batch) => this.#apply(message))
    socket.on('ended', () => (this.endedAt = now()))
    socket.on('catch_up', () => this.catchUps++)
    socket.on('disconnect', (reason) => this.faults.push(`user ${user} was disconnected: ${reason}`))
    this.#live = new Promise((resolve) =>
      socket.on('progress', ({ to }: Progress) => {
        this.#lookWhetherEmptied()
        this.#moved(to)
        resolve()
      }),
    )
  }

  /** Resolves when messages are shown again, after all had gone. */
  async refilled(): Promise<void> {
    while (this.emptiedAt !== undefined) await new Promise((resolve) => setTimeout(resolve, 20))
    this.catchUps = 0
  }

  /** From now on it may be shown messages again. */
  expectMessages(): void {
    this.#isExpecting = true
  }

  /** Resolves when all is shown. */
  async follow(subscription: Subscription): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.on('connect', resolve)
      this.#socket.on('connect_error', reject)
    })
    const reply = (await this.#socket.emitWithAck('attach', {
      protocol: protocolVersion,
      subscriptions: [{ subscription }],
    })) as Reply<Attached>
    if (!reply.ok) throw new Error(`user ${this.user} may not attach: ${reply.message}`)
    const [subscribed] = reply.value.subscriptions
    if (!subscribed?.ok) throw new Error(`user ${this.user} may not follow: ${subscribed?.message}`)
    await this.#live
  }

  #show({ rows, done }: Snapshot): void {
    if (!this.#isBeingShown) this.shown.clear()
    this.#isBeingShown = !done
    for (const [key, row] of rows) {
      this.#requireRight(idOf(key))
      this.#insert(idOf(key), row)
    }
  }

  #requireRight(id: number): void {
    if (this.#isExpecting) {
      this.emptiedAt = undefined
      this.#isExpecting = false
    }
    if (this.emptiedAt !== undefined || this.endedAt !== undefined)
      this.faults.push(`user ${this.user} was told of message ${id} after all had gone`)
  }

  /** A page keeps what it shows until it is told that all has come which belongs together. */
  #lookWhetherEmptied(): void {
    if (this.shown.size > 0) this.#hasShown = true
    else if (this.#hasShown) {
      this.emptiedAt = now()
      this.#hasShown = false
    }
  }

  #apply({ to, transactions }: Batch): void {
    const at = now()
    for (const { changes } of transactions)
      for (const change of changes) {
        const id = idOf(change.key)
        this.#requireRight(id)
        let what = -id
        if (change.op === 'row_delete') {
          if (!this.shown.delete(id))
            this.faults.push(`user ${this.user} was told of the delete of ${id}, which he had not seen`)
        } else if (change.op === 'row_insert') what = this.#insert(id, change.row)
        else {
          what = changeIn(String(change.fields['body']))
          if (!this.shown.has(id))
            this.faults.push(`user ${this.user} was told of an update of ${id}, which he had not seen`)
          this.shown.set(id, what)
        }
        this.#arrivals.push({ user: this.user, what, at })
      }
    this.#lookWhetherEmptied()
    this.#moved(to)
  }

  #insert(id: number, row: Row): number {
    const what = changeIn(String(row['body']))
    if (row['channel_id'] !== channelOf(this.user))
      this.faults.push(`user ${this.user} was shown message ${id} of channel ${String(row['channel_id'])}`)
    this.shown.set(id, what)
    return what
  }

  #moved(to: string): void {
    this.#position = to
    this.#acknowledger.moved()
  }
}

function idOf(key: string): number {
  return Number(key.slice(1, -1))
}
