import { io, type Socket } from 'socket.io-client'
import { defaultPath, protocolVersion, type Attached, type Reply } from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'

// Clients that all come back at once.

export interface StartOptions {
  readonly url: string
  readonly clients: number
}

interface Client {
  readonly id: number
  socket?: Socket
  session?: Attached['session']
  position?: string
  readonly shapes: Map<string, string>
  names: readonly string[]
}

/** So many are on their way in at once, the first time. */
const atOnce = 250

const clients: Client[] = []
let url = ''

/** Resolves when all are live. */
async function start(options: StartOptions): Promise<void> {
  url = options.url
  for (let id = 0; id < options.clients; id += atOnce) {
    const some = Array.from({ length: Math.min(atOnce, options.clients - id) }, (_, i): Client => ({
      id: id + i,
      shapes: new Map(),
      names: [],
    }))
    clients.push(...some)
    await Promise.all(some.map(connect))
  }
}

/** @returns of each how long it took until it was live again, in ms */
async function comeBack(): Promise<number[]> {
  const startedAt = performance.now()
  return Promise.all(
    clients.map(async (client) => {
      client.socket?.disconnect()
      await connect(client)
      return performance.now() - startedAt
    }),
  )
}

async function connect(client: Client): Promise<void> {
  const socket = io(url, {
    path: defaultPath,
    transports: ['websocket'],
    reconnection: false,
    timeout: 120_000,
    forceNew: true,
    auth: { sub: client.id },
  })
  client.socket = socket
  socket.on('snapshot', (message: { subscription: string; shape: string }) =>
    client.shapes.set(message.subscription, message.shape),
  )
  socket.on('batch', (message: { to: string }) => (client.position = message.to))
  const live = new Promise<void>((resolve) =>
    socket.on('progress', (message: { to: string }) => {
      client.position = message.to
      resolve()
    }),
  )
  await new Promise<void>((resolve, reject) => {
    socket.on('connect', resolve)
    socket.on('connect_error', reject)
  })
  const reply = (await socket.emitWithAck('attach', {
    protocol: protocolVersion,
    ...(client.session && { session: client.session, position: client.position }),
    subscriptions: subscriptionsOf(client.id).map((subscription, i) => {
      const held = client.shapes.get(client.names[i] ?? '')
      return { subscription, ...(held !== undefined && { held }) }
    }),
  })) as Reply<Attached>
  if (!reply.ok) throw new Error(reply.message)
  client.session = reply.value.session
  client.names = reply.value.subscriptions.map((answer) => (answer.ok ? answer.value.id : ''))
  await live
}

/** A table of 100 rows, one of 100 ordered lists of 50 rows, and a row. */
function subscriptionsOf(id: number): Subscription[] {
  return [
    { kind: 'table', relation: 'team' },
    {
      kind: 'table',
      relation: 'item',
      where: { column: 'team', op: 'eq', value: id % 100 },
      orderBy: [{ column: 'score', direction: 'desc' }],
      limit: 50,
    },
    { kind: 'row', relation: 'item', key: [(id % 10_000) + 1] },
  ]
}

answerParent({ start, comeBack, usage })
