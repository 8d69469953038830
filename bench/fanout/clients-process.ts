import { io, type Socket } from 'socket.io-client'
import { setTimeout as sleep } from 'node:timers/promises'
import { Acknowledger } from '../../client/core/acknowledger.ts'
import {
  defaultPath,
  protocolVersion,
  type Attached,
  type Batch,
  type Progress,
  type Reply,
} from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { answerParent } from '../../test/child.ts'
import { now } from '../suite/clock.ts'
import { usage } from '../suite/usage.ts'
import type { Message } from './broadcast-server.ts'

// Sockets that count what comes. They are no pages, which would cost many times what their server does, but as busy with
// Rowcast's messages as with plain Socket.IO's.

export interface ClientOptions {
  /** Of each setting whom it is one of, who get the same; null: it has no part in it. Plain Socket.IO: its rooms. */
  readonly audiences: readonly (string | null)[]
  /** Of Rowcast; they have no rows yet. */
  readonly subscriptions?: readonly Subscription[]
}

export interface OpenOptions {
  readonly url: string
  readonly clients: readonly ClientOptions[]
}

/** The rows that a client has got of a table. */
export interface Got {
  rows: number
  /** Of their ids. */
  sum: number
}

/** What has come to all clients together. */
export interface Taken {
  readonly messages: number
  readonly changes: number
  readonly lastAt: number
}

/** So many are on their way in at once. */
const atOnce = 500
/** As often as the real client. */
const acknowledgeMs = 5_000
/** What has not come is missing once so long nothing has come. */
const silenceMs = 5_000
const lookMs = 2

const clients: CountingClient[] = []
const faults = new Set<string>()
const known = new Set<string>()
const recorded: (readonly [audience: string, batch: Batch])[] = []
let messages = 0
let changes = 0
let lastAt = 0
let setting = 0
let isRecording = false

class CountingClient {
  readonly audiences: readonly (string | null)[]
  readonly got = new Map<string, Got>()
  readonly #socket: Socket
  readonly #acknowledger = new Acknowledger(acknowledgeMs, () => this.#acknowledge())
  /** Of each setting whether it is the one of its audience that is recorded. */
  readonly #isFirst: readonly boolean[]
  #position = ''

  constructor({ url, audiences }: { url: string } & ClientOptions) {
    this.audiences = audiences
    this.#isFirst = audiences.map((audience) => audience !== null && !known.has(audience))
    for (const audience of audiences) if (audience !== null) known.add(audience)
    this.#socket = io(url, {
      path: defaultPath,
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      timeout: 30_000,
      auth: { sub: clients.length, rooms: audiences.filter((audience) => audience !== null) },
    })
    this.#socket.on('batch', (batch: Batch) => this.#count(batch))
    this.#socket.on('disconnect', (reason) => faults.add(`a client was disconnected: ${reason}`))
    this.#socket.on('catch_up', () => faults.add('a client had to catch up'))
  }

  async connect(subscriptions: readonly Subscription[] | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.on('connect', resolve)
      this.#socket.on('connect_error', reject)
    })
    if (!subscriptions) return
    const live = new Promise<void>((resolve) =>
      this.#socket.on('progress', ({ to }: Progress) => {
        this.#moved(to)
        resolve()
      }),
    )
    this.#acknowledger.start()
    const reply = (await this.#socket.emitWithAck('attach', {
      protocol: protocolVersion,
      subscriptions: subscriptions.map((subscription) => ({ subscription })),
    })) as Reply<Attached>
    if (!reply.ok) throw new Error(reply.message)
    for (const answer of reply.value.subscriptions) if (!answer.ok) throw new Error(answer.message)
    await live
  }

  #count(batch: Batch): void {
    for (const transaction of batch.transactions)
      for (const change of transaction.changes) {
        if (change.op !== 'row_insert') continue
        let got = this.got.get(change.relation)
        if (!got) this.got.set(change.relation, (got = { rows: 0, sum: 0 }))
        got.rows += 1
        got.sum += Number(change.row['id'])
        changes += 1
      }
    messages += 1
    lastAt = now()
    if (isRecording && this.#isFirst[setting]) recorded.push([this.audiences[setting] ?? '', batch])
    this.#moved(batch.to)
  }

  #moved(to: string): void {
    this.#position = to
    this.#acknowledger.moved()
  }

  #acknowledge(): void {
    if (this.#position && this.#socket.connected) this.#socket.emit('ack', { position: this.#position })
  }
}

/** Resolves when all are live. */
async function open({ url, clients: options }: OpenOptions): Promise<void> {
  const waiting = [...options]
  const openInTurn = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const client = new CountingClient({ url, ...next })
      clients.push(client)
      await client.connect(next.subscriptions)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, openInTurn))
}

/** Counts from now on, and may record what one of each audience gets. */
function begin(options: { setting: number; isRecorded: boolean }): void {
  messages = changes = 0
  lastAt = now()
  setting = options.setting
  isRecording = options.isRecorded
  recorded.splice(0)
}

/** Waits until so many changes have come, all clients together. */
async function until(count: number): Promise<Taken> {
  const isAwaited = () => changes < count && now() - lastAt < silenceMs
  while (isAwaited()) await sleep(lookMs)
  return { messages, changes, lastAt }
}

/** What was recorded, in the order in which it came. */
function record(): Message[] {
  return recorded.splice(0).map(([audience, batch]) => [audience, JSON.stringify(batch)])
}

/** What each has got of a table by now. */
function got(options: { relation: string; setting: number }): (readonly [audience: string, Got])[] {
  return clients.flatMap(({ audiences, got }) => {
    const audience = audiences[options.setting] ?? null
    return audience === null ? [] : [[audience, got.get(options.relation) ?? { rows: 0, sum: 0 }] as const]
  })
}

answerParent({ open, begin, until, record, got, faults: () => [...faults], usage })
