import type { Subscription } from '../../shared/subscription.ts'
import { answerParent } from '../../test/child.ts'
import { usage } from '../suite/usage.ts'
import { AccessClient } from './client.ts'
import { judge, type Arrival, type Commit, type Revocation, type Verdict } from './judge.ts'
import { channelOf } from './setting.ts'

// Many clients in one process.

export interface ConnectOptions {
  readonly url: string
  readonly users: readonly number[]
  readonly subscription: Subscription
}

export interface Period {
  readonly commits: readonly Commit[]
  readonly revocations?: readonly Revocation[]
}

/** Of each channel the messages, and of each the change that wrote it. */
export type Truth = Readonly<Record<number, readonly (readonly [id: number, change: number])[]>>

/** So many are on their way in at once. */
const atOnce = 100
/** What has not come is missing once so long nothing has come: what is late is to be seen as late. */
const silenceMs = 5_000

const clients = new Map<number, AccessClient>()
const arrivals: Arrival[] = []

/** Resolves when all show what they may see. */
async function connect({ url, users, subscription }: ConnectOptions): Promise<void> {
  const waiting = [...users]
  const connectInTurn = async () => {
    for (let user = waiting.shift(); user !== undefined; user = waiting.shift()) {
      const client = new AccessClient(url, user, arrivals)
      clients.set(user, client)
      await client.follow(subscription)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, connectInTurn))
}

/** Waits for what is still to come, and judges what came since the last time. */
async function verdict({ commits, revocations = [] }: Period): Promise<Verdict> {
  const lost = new Set(revocations.map(({ user }) => user))
  const members = new Map<number, number>()
  for (const user of clients.keys())
    if (!lost.has(user)) members.set(channelOf(user), (members.get(channelOf(user)) ?? 0) + 1)
  const expected = commits.reduce((sum, { channel }) => sum + (members.get(channel) ?? 0), 0)
  let [seen, counted] = [0, 0]
  await until(() => {
    for (; seen < arrivals.length; seen++) if (!lost.has(arrivals[seen]?.user ?? 0)) counted++
    return counted >= expected
  })
  const came = arrivals.splice(0)
  const { latenciesMs, faults } = judge([...clients.keys()], commits, came, revocations)
  for (const client of clients.values()) {
    faults.push(...client.faults.splice(0))
    if (client.catchUps > 0 && !lost.has(client.user)) faults.push(`user ${client.user} had to catch up`)
    client.catchUps = 0
  }
  return { latenciesMs: latenciesMs.map((ms) => Number(ms.toFixed(3))), faults }
}

/** Whether each page shows what is there. */
function compare(truth: Truth): string[] {
  const faults: string[] = []
  for (const { user, shown, emptiedAt } of clients.values()) {
    if (emptiedAt !== undefined) continue
    const there = truth[channelOf(user)] ?? []
    const isRight = shown.size === there.length && there.every(([id, change]) => shown.get(id) === change)
    if (!isRight)
      faults.push(
        `user ${user} is shown ${shown.size} messages other than the ${there.length} that are there`,
      )
  }
  return faults
}

/** From each revocation until the page had nothing of the channel any more; null if it still has. */
async function emptied(revocations: readonly Revocation[]): Promise<(number | null)[]> {
  const ours = revocations.filter(({ user }) => clients.has(user))
  await until(() => ours.every(({ user }) => clients.get(user)?.emptiedAt !== undefined))
  return ours.map(({ user, at }) => {
    const emptiedAt = clients.get(user)?.emptiedAt
    return emptiedAt === undefined ? null : emptiedAt - at
  })
}

/** All who are shown nothing may be shown messages again: resolves when they are. */
function expectMessages(): void {
  for (const client of clients.values()) client.expectMessages()
}

async function refilled(): Promise<void> {
  await Promise.all([...clients.values()].map((client) => client.refilled()))
  arrivals.splice(0) // what was there already is no news to be judged
}

/** From a moment until each client had been told that its subscription has ended; null if it was not. */
async function ended(at: number): Promise<(number | null)[]> {
  const all = [...clients.values()]
  await until(() => all.every(({ endedAt }) => endedAt !== undefined))
  return all.map(({ endedAt }) => (endedAt === undefined ? null : endedAt - at))
}

async function until(condition: () => boolean): Promise<void> {
  let [count, lastAt] = [arrivals.length, performance.now()]
  while (!condition() && performance.now() - lastAt < silenceMs) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (arrivals.length > count) [count, lastAt] = [arrivals.length, performance.now()]
  }
}

answerParent({ connect, verdict, compare, emptied, expectMessages, refilled, ended, usage })
