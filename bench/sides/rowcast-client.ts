import { createClient, type Client } from '../../client/core/index.ts'
import type { Row } from '../../shared/change.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { answerParent } from '../../test/child.ts'
import { now } from '../suite/clock.ts'
import { usage } from '../suite/usage.ts'
import { Arrivals } from './arrivals.ts'
import { digestOf } from './digest.ts'

// Pages without a browser: real clients with real stores, each a session of its own. The first of them is watched.

export interface OpenOptions {
  readonly url: string
  readonly subscription: Subscription
  /** Default: 1. */
  readonly clients?: number
}

const clients: Client[] = []
const arrivals = new Arrivals()

/** Resolves when all show what there is. */
async function open({ url, subscription, clients: count = 1 }: OpenOptions): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async () => {
      const client = createClient({ url, auth: { sub: clients.length }, session: 'page' })
      if (clients.push(client) === 1) watch(client, subscription.relation)
      const followed = client.follow(subscription)
      await new Promise<void>((resolve, reject) => {
        let isAnswered = false
        followed.subscribe(() => {
          if (isAnswered) return // what follows is for the store; a list of all rows is made for who asks for it
          const { status, error } = followed.getSnapshot()
          isAnswered = status !== 'loading'
          if (status === 'ready') resolve()
          else if (status === 'error') reject(error)
        })
      })
    }),
  )
}

let held: ReadonlyMap<string, Row> = new Map()

function watch(client: Client, relation: string): void {
  client.store.subscribe(({ relations }) => {
    const rows = relations.get(relation)
    if (!rows || rows === held) return
    held = rows
    arrivals.note(rows.size)
    lookForField()
  })
}

export interface AwaitedField {
  /** As the client keeps it: JSON text. */
  readonly key: string
  readonly column: string
  readonly value: unknown
}

let lookForField: () => void = () => undefined

/** Resolves with the moment at which a row has this value. */
function untilField({ key, column, value }: AwaitedField): Promise<number> {
  return new Promise((resolve) => {
    lookForField = () => {
      if (held.get(key)?.[column] === value) resolve(now())
    }
    lookForField()
  })
}

answerParent({
  open,
  arrivals: () => arrivals.take(),
  until: (rows: number) => arrivals.until(rows),
  untilField,
  rows: () => [...held.values()],
  digest: (columns: readonly string[]) => digestOf(held.values(), columns),
  usage,
})
