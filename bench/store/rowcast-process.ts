import { createClient, type Client, type Followed } from '../../client/core/index.ts'
import { keyText, type KeyText, type Row } from '../../shared/change.ts'
import type { WireChange } from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { Loopback } from './loopback.ts'
import { itemOf, listLength, type Item, type Setting, type Shows, type Update } from './setting.ts'
import { answerFor, listenedId, Page, type Side } from './side.ts'

// The client as an application has it. What is timed begins with the text of a message as a connection brings it, and ends
// when the listeners have been called and have read what a hook reads.

const table: Subscription = { kind: 'table', relation: 'item' }
const sorted: Subscription = { ...table, orderBy: [{ column: 'score', direction: 'desc' }] }
const first: Subscription = { ...sorted, limit: listLength }
const lists: Record<Shows, Subscription | null> = {
  rows: null,
  'first 50': first,
  sorted,
  'sorted, read': sorted,
  table,
  'table, read': table,
}
const relation = 'public.item'

class Rowcast implements Side<string> {
  readonly #page: Page
  readonly #server = new Loopback((subscription) => this.#select(subscription))
  readonly #client: Client
  #shows: Shows = 'rows'
  #items = new Map<KeyText, Item>()
  /** Who is in the list of the first 50, as the server knows. */
  #first: KeyText[] = []
  #list: Followed<readonly Item[]> | undefined

  constructor(page: Page) {
    this.#page = page
    this.#client = createClient({
      session: 'page',
      io: this.#server.io,
      onError: (error) => {
        throw error
      },
    })
  }

  async hold(setting: Setting): Promise<void> {
    const { rows, shows, listeners } = setting
    for (let id = 1; id <= rows; id++) this.#items.set(keyText([id]), itemOf(id))
    this.#first = [...this.#items.keys()].slice(-listLength).toReversed()
    this.#shows = shows
    if (shows === 'rows' || shows === 'first 50') this.#client.follow(table).subscribe(() => undefined)
    const list = lists[shows]
    if (list) {
      this.#list = this.#client.follow(list)
      this.#show(this.#list, shows !== 'sorted' && shows !== 'table')
    } else
      for (let i = 0; i < listeners; i++) this.#show(this.#client.row('item', listenedId(setting, i)), true)
    while (this.#client.store.getState().connection.status !== 'live')
      await new Promise((resolve) => setTimeout(resolve))
  }

  encode(updates: readonly Update[]): string {
    const keyed = updates.map(({ id, score }) => ({ key: keyText([id]), id, fields: { score } }))
    if (this.#shows === 'rows')
      return this.#server.batch(
        [table, ...updates.map(({ id }): Subscription => ({ kind: 'row', relation: 'item', key: [id] }))],
        keyed.map(({ key, fields }, i) => updateOf(key, fields, [0, i + 1])),
      )
    const changes = keyed.map(({ key, fields }) => updateOf(key, fields, [0]))
    const moves = keyed.map(({ key }): [KeyText, null] => [key, null])
    if (lists[this.#shows] === table) return this.#server.batch([table], changes)
    if (this.#shows !== 'first 50') return this.#server.batch([sorted], changes, [{ for: 0, moves }])
    for (const { key, fields } of keyed) changes.push(...this.#enter(key, fields))
    return this.#server.batch([table, first], changes, [{ for: 1, moves }])
  }

  apply(message: string): void {
    this.#server.receive(message)
  }

  get(id: number): Item | undefined {
    return this.#client.store
      .getState()
      .relations.get(relation)
      ?.get(keyText([id])) as Item | undefined
  }

  list(): readonly Item[] {
    return this.#list?.getSnapshot().data ?? []
  }

  #show(followed: Followed<unknown>, isRead: boolean): void {
    followed.subscribe(() => {
      this.#page.calls++
      const result = followed.getSnapshot()
      if (isRead) this.#page.read = result.data
    })
  }

  /** A row comes to the front of the first 50, and the last of them leaves, unless it was among them. */
  #enter(key: KeyText, fields: Row): WireChange[] {
    const item = { ...this.#items.get(key), ...fields } as Item
    this.#items.set(key, item)
    const others = this.#first.filter((other) => other !== key)
    this.#first = [key, ...others].slice(0, listLength)
    if (others.length < listLength) return [updateOf(key, fields, [1])]
    const left = others.at(-1) as KeyText
    return [
      { op: 'row_insert', relation, key, row: item, for: [1] },
      { op: 'row_delete', relation, key: left, for: [1] },
    ]
  }

  #select(subscription: Subscription): (readonly [KeyText, Row])[] {
    switch (subscription.kind) {
      case 'row': {
        const key = keyText(subscription.key)
        return [[key, this.#items.get(key) as Item]]
      }
      case 'table':
        return subscription.orderBy
          ? [...this.#items].toReversed().slice(0, subscription.limit)
          : [...this.#items]
      default:
        throw new Error(`nobody follows a ${subscription.kind} here`)
    }
  }
}

function updateOf(key: KeyText, fields: Row, recipients: number[]): WireChange {
  return { op: 'field_update', relation, key, fields, for: recipients }
}

const page = new Page()
answerFor(new Rowcast(page), page)
