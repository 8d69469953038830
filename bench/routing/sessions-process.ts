import { answerParent } from '../../test/child.ts'
import { LeanClient } from '../sides/lean-client.ts'
import { usage } from '../suite/usage.ts'
import { perSession, subscriptionsOf } from './setting.ts'

// Many sessions in one process, which nothing that changes concerns.

export interface ConnectOptions {
  readonly url: string
  /** Their numbers. */
  readonly sessions: readonly number[]
}

/** So many are on their way in at once. */
const atOnce = 200

const clients: LeanClient[] = []

/** Resolves when all show what they follow. */
async function connect({ url, sessions }: ConnectOptions): Promise<void> {
  const waiting = sessions.values()
  const connectInTurn = async () => {
    for (const session of waiting) {
      const client = new LeanClient(url, { sub: session })
      clients.push(client)
      await client.attach(subscriptionsOf(session))
      await client.shown(perSession)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, connectInTurn))
}

/** What is not as it must be. */
function faults(): string[] {
  return clients.flatMap(({ snapshots, changes, faults }) => [
    ...faults,
    ...(snapshots === perSession ? [] : [`${snapshots} of ${perSession} subscriptions were shown`]),
    ...(changes === 0 ? [] : [`${changes} changes came that are none of its`]),
  ])
}

answerParent({ connect, faults, usage })
