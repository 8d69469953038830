import type { Row } from '../../shared/change.ts'
import type { Batch, Snapshot } from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { answerParent } from '../../test/child.ts'
import { WireClient } from '../sides/wire-client.ts'
import { now } from '../suite/clock.ts'
import { usage } from '../suite/usage.ts'
import { itemOf, listSize, teamOf } from './world.ts'

// Clients that all come back at once.

export interface StartOptions {
  readonly url: string
  readonly clients: number
}

/** What happened while nobody was connected, and what is shown after it. */
export interface Missed {
  /** The numbers of the changes of teams, in their order. */
  readonly teams: readonly number[]
  /** By item, the same of items. */
  readonly items: readonly (readonly [item: number, changes: readonly number[]])[]
  /** Of each team, what its list shows: items in their order. */
  readonly lists: readonly (readonly number[])[]
}

/** So many are on their way in at once, the first time. */
const atOnce = 250

/** A page that shows all teams, the best items of its team, and one item. */
class Page {
  readonly client: WireClient
  readonly #id: number
  #rows = new Map<string, unknown[]>()
  #list: number[] = []
  #teams: number[] = []
  #items: number[] = []
  readonly #faults: string[] = []

  constructor(url: string, id: number) {
    this.#id = id
    this.client = new WireClient(url, id, this, subscriptionsOf(id))
  }

  /** What comes from now on has been missed. */
  expectMissed(): void {
    this.#rows = new Map()
    this.#teams = []
    this.#items = []
  }

  snapshot({ subscription, rows, done }: Snapshot): void {
    const all = this.#rows.get(subscription) ?? []
    all.push(...rows.map(([, row]) => row))
    this.#rows.set(subscription, all)
    if (done && subscription.startsWith('query:')) this.#list = (all as Row[]).map(({ id }) => Number(id))
  }

  batch({ subscriptions, transactions }: Batch): void {
    for (const { changes } of transactions)
      for (const change of changes)
        for (const index of change.for) {
          const id = subscriptions[index] ?? ''
          if (change.op !== 'field_update') this.#faults.push(`${change.op} of ${change.key} of ${id}`)
          else if (id.startsWith('table:')) this.#teams.push(Number(change.fields['change']))
          else if (id.startsWith('row:')) this.#items.push(Number(change.fields['change']))
        }
  }

  reset(): void {
    this.#faults.push('it was reset')
  }

  /** What came otherwise than it should have. */
  faults({ teams, items, lists }: Missed): readonly string[] {
    const faults = [...this.#faults]
    const afresh = [...this.#rows.keys()].filter((id) => !id.startsWith('query:'))
    if (afresh.length > 0) faults.push(`${afresh.join()} came afresh, though it was there`)
    const expect = (what: string, got: readonly number[], expected: readonly number[] = []) => {
      if (got.join() !== expected.join())
        faults.push(`${what}: ${got.length} came for ${expected.length}, or in another order`)
    }
    expect('changes of teams', this.#teams, teams)
    expect('changes of its item', this.#items, new Map(items).get(itemOf(this.#id)))
    expect('its list', this.#list, lists[teamOf(this.#id)])
    return faults.map((fault) => `client ${this.#id}: ${fault}`)
  }
}

const pages: Page[] = []

/** Resolves when so many are live, those that have been there before included. */
async function start({ url, clients }: StartOptions): Promise<void> {
  while (pages.length < clients) {
    const some = Array.from(
      { length: Math.min(atOnce, clients - pages.length) },
      (_, i) => new Page(url, pages.length + i),
    )
    pages.push(...some)
    await Promise.all(some.map(({ client }) => client.connect()))
  }
}

/** @returns of each how long it took until it was live again, in ms */
async function comeBack(): Promise<number[]> {
  for (const page of pages) page.expectMissed()
  const startedAt = now()
  return Promise.all(
    pages.map(async ({ client }) => {
      await client.connect()
      return now() - startedAt
    }),
  )
}

function faults(missed: Missed): readonly string[] {
  return pages.flatMap((page) => page.faults(missed))
}

function subscriptionsOf(id: number): Subscription[] {
  return [
    { kind: 'table', relation: 'team' },
    {
      kind: 'table',
      relation: 'item',
      where: { column: 'team', op: 'eq', value: teamOf(id) },
      orderBy: [{ column: 'score', direction: 'desc' }],
      limit: listSize,
    },
    { kind: 'row', relation: 'item', key: [itemOf(id)] },
  ]
}

answerParent({ start, comeBack, faults, usage })
