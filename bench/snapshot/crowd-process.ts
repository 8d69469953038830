import { io } from 'socket.io-client'
import type { Snapshot } from '../../shared/protocol.ts'
import { answerParent } from '../../test/child.ts'
import { WireClient } from '../sides/wire-client.ts'
import { now } from '../suite/clock.ts'
import { digestOf } from './row.ts'

// Many who are sent the same at once. Of either side they are real Socket.IO clients without stores.

export interface CrowdOptions {
  readonly url: string
  readonly clients: number
}

/** What one of them has been sent. */
class Inbox {
  readonly messages: Snapshot[] = []
  #done: () => void = () => undefined
  /** Resolves with the moment at which all had come. */
  readonly completed = new Promise<number>((resolve) => (this.#done = () => resolve(now())))

  add(message: Snapshot): void {
    this.messages.push(message)
    if (message.done) this.#done()
  }
}

let inboxes: Inbox[] = []
let clients: WireClient[] = []
let close: () => void = () => undefined

/** Resolves when all are connected, and live. */
async function openRowcast({ url, clients: count }: CrowdOptions): Promise<void> {
  open(count)
  clients = inboxes.map(
    (inbox, sub) =>
      new WireClient(url, sub, {
        snapshot: (message) => inbox.add(message),
        batch: () => undefined,
        reset: () => undefined,
      }),
  )
  close = () => clients.forEach((client) => client.close())
  await Promise.all(clients.map((client) => client.connect()))
}

/** @returns how long it took until all had all rows of a table, in ms */
async function subscribe(relation: string): Promise<number> {
  const startedAt = now()
  await Promise.all(clients.map((client) => client.subscribe({ kind: 'table', relation })))
  return (await completed()) - startedAt
}

/** Resolves when all are connected. */
async function openPlain({ url, clients: count }: CrowdOptions): Promise<void> {
  open(count)
  const sockets = inboxes.map((inbox) => {
    const socket = io(url, { transports: ['websocket'], forceNew: true })
    return socket.on('snapshot', (message: Snapshot) => inbox.add(message))
  })
  close = () => sockets.forEach((socket) => socket.disconnect())
  await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.on('connect', resolve))))
}

function open(count: number): void {
  close()
  inboxes = Array.from({ length: count }, () => new Inbox())
}

/** @returns when all had got everything, by `now()` */
async function completed(): Promise<number> {
  const moments = await Promise.all(inboxes.map((inbox) => inbox.completed))
  return Math.max(...moments)
}

/** What the first has been sent. */
function messages(): readonly Snapshot[] {
  return inboxes[0]?.messages ?? []
}

/** Of the rows that they have been sent: one, if all have been sent the same. */
function digests(): readonly string[] {
  const rows = inboxes.map(({ messages }) => messages.flatMap(({ rows }) => rows.map(([, row]) => row)))
  return [...new Set(rows.map(digestOf))]
}

answerParent({ openRowcast, subscribe, openPlain, completed, messages, digests })
