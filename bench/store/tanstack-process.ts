import {
  BTreeIndex,
  createCollection,
  createLiveQueryCollection,
  eq,
  type Collection,
  type SyncConfig,
} from '@tanstack/db'
import { itemOf, listLength, type Item, type Setting, type Update } from './setting.ts'
import { answerFor, listenedId, Page, type Side } from './side.ts'

// A collection of TanStack DB that a backend keeps in step, with indexes of what is asked for: without them it takes longer. What
// is timed begins with the change as its sync function gets it, and ends when the listeners have read what they show.

/** As in a page: otherwise it looks for indexes that are missing. */
process.env['NODE_ENV'] = 'production'

type Feed = Parameters<SyncConfig<Item, number>['sync']>[0]

class TanStack implements Side<readonly Update[]> {
  readonly #page: Page
  #items!: Collection<Item, number>
  #feed!: Feed
  #list: { readonly toArray: readonly Item[] } | undefined

  constructor(page: Page) {
    this.#page = page
  }

  async hold(setting: Setting): Promise<void> {
    const { rows, shows, listeners } = setting
    const sync = (feed: Feed): void => {
      this.#feed = feed
      feed.begin()
      for (let id = 1; id <= rows; id++) feed.write({ type: 'insert', value: itemOf(id) })
      feed.commit()
      feed.markReady()
    }
    const items = createCollection<Item, number>({
      getKey: ({ id }) => id,
      sync: { sync },
      startSync: true,
      gcTime: 0,
      defaultIndexType: BTreeIndex,
    })
    await items.preload()
    this.#items = items as unknown as Collection<Item, number>
    if (shows === 'rows') {
      items.createIndex(({ id }) => id)
      for (let i = 0; i < listeners; i++) this.#listen(listenedId(setting, i))
      return
    }
    items.createIndex(({ score }) => score)
    const list = createLiveQueryCollection((query) => {
      const all = query.from({ item: items }).orderBy(({ item }) => item.score, 'desc')
      return shows === 'first 50' ? all.limit(listLength) : all
    })
    await list.preload()
    this.#list = list
    list.subscribeChanges(() => {
      this.#page.calls++
      if (shows !== 'sorted') this.#page.read = list.toArray
    })
  }

  encode(updates: readonly Update[]): readonly Update[] {
    return updates
  }

  apply(updates: readonly Update[]): void {
    const { begin, write, commit } = this.#feed
    begin()
    for (const { id, score } of updates)
      write({ type: 'update', value: { ...(this.#items.get(id) as Item), score } })
    commit()
  }

  get(id: number): Item | undefined {
    return this.#items.get(id)
  }

  list(): readonly Item[] {
    return this.#list?.toArray ?? []
  }

  /** Costs it less than a live query for each row. */
  #listen(id: number): void {
    this.#items.subscribeChanges(
      () => {
        this.#page.calls++
        this.#page.read = this.#items.get(id)
      },
      { where: (item) => eq(item.id, id) },
    )
  }
}

const page = new Page()
answerFor(new TanStack(page), page)
