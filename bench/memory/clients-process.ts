import { SignJWT } from 'jose'
import { setTimeout as sleep } from 'node:timers/promises'
import { io } from 'socket.io-client'
import type { Subscription } from '../../shared/subscription.ts'
import { answerParent } from '../../test/child.ts'
import { LeanClient } from '../sides/lean-client.ts'

// Many clients in one process, which do nothing but be there.

export interface ConnectOptions {
  readonly url: string
  /** Each is a user of his own. */
  readonly users: readonly number[]
  /** Signs their tokens. */
  readonly secret: string
  readonly subscription: Subscription
}

/** So many are on their way in at once. */
const atOnce = 100
const toldWithinMs = 5_000

const clients: LeanClient[] = []

/** Resolves when all show what they follow. */
async function connect({ url, users, secret, subscription }: ConnectOptions): Promise<void> {
  const key = new TextEncoder().encode(secret)
  await inTurns(users, async (user) => {
    const token = await new SignJWT({ sub: `user ${user}` }).setProtectedHeader({ alg: 'HS256' }).sign(key)
    const client = new LeanClient(url, { token })
    clients.push(client)
    await client.attach([subscription])
  })
}

/** Resolves when each client shows more. */
async function subscribe(subscriptions: readonly Subscription[]): Promise<void> {
  await inTurns(clients, async (client) => {
    const wanted = client.snapshots + subscriptions.length
    await Promise.all(subscriptions.map((subscription) => client.subscribe(subscription)))
    await client.shown(wanted)
  })
}

/** Sockets of plain Socket.IO. Resolves when all are connected. */
async function connectPlain({ url, count }: { url: string; count: number }): Promise<void> {
  await inTurns(
    Array.from({ length: count }, (_, i) => i),
    async () => {
      const socket = io(url, { transports: ['websocket'], reconnection: false, forceNew: true })
      await new Promise<void>((resolve, reject) => {
        socket.on('connect', resolve)
        socket.on('connect_error', reject)
      })
    },
  )
}

/** What is not as it must be, once one change has been made that all follow. */
async function faults(): Promise<string[]> {
  const until = performance.now() + toldWithinMs
  while (performance.now() < until && clients.some(({ changes }) => changes === 0)) await sleep(20)
  const untold = clients.filter(({ changes }) => changes !== 1).length
  return [
    ...clients.flatMap(({ faults }) => faults),
    ...(untold > 0 ? [`${untold} of ${clients.length} sessions were not told of a change, once`] : []),
  ]
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  const worker = async () => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

answerParent({ connect, subscribe, connectPlain, faults })
