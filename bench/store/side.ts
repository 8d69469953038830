import { answerParent } from '../../test/child.ts'
import { listLength, type Item, type Setting, type Update, type Work } from './setting.ts'

/** A store with a page over it, which is told what has changed. */
export interface Side<Message> {
  /** Has all rows, and everything that the page shows. */
  hold(setting: Setting): Promise<void> | void
  /** Made before time is taken. */
  encode(updates: readonly Update[]): Message
  /** From what arrives to the last listener and what it has read. */
  apply(message: Message): void
  /** What it holds. */
  get(id: number): Item | undefined
  /** The list, where it is shown. */
  list(): readonly Item[]
}

/** What the listeners of a page have come to. */
export class Page {
  calls = 0
  /** What the last listener that was called has read. */
  read: unknown
}

/** In the child: measures one side, and makes sure that it has done what it was measured for. */
export function answerFor<Message>(side: Side<Message>, page: Page): void {
  let setting: Setting = { rows: 0, shows: 'rows', listeners: 0, updated: 0 }
  let scores: number[] = []
  let highest = 0
  let turn = 0

  /** Of a row with a listener; of any row where there is a list, of which it becomes the first. */
  function nextUpdate(): Update {
    const { rows, shows, updated } = setting
    turn++
    const id = shows === 'rows' ? listenedId(setting, turn % updated) : ((turn * 7_919) % rows) + 1
    const score = shows === 'rows' ? (scores[id] ?? 0) + 1 : ++highest
    scores[id] = score
    return { id, score }
  }

  function check(calls: number): void {
    if (page.calls !== calls) throw new Error(`listeners were called ${page.calls} times, and not ${calls}`)
    if (setting.shows === 'rows' && page.read !== side.get((page.read as Item).id))
      throw new Error('a listener has read another row than is held')
    for (let id = 1; id <= setting.rows; id++)
      if (side.get(id)?.score !== scores[id])
        throw new Error(`row ${id} has ${side.get(id)?.score}, and not ${scores[id]}`)
    if (setting.shows === 'rows') return
    const list = side.list()
    const length = setting.shows === 'first 50' ? Math.min(listLength, setting.rows) : setting.rows
    if (list.length !== length) throw new Error(`the list has ${list.length} rows, and not ${length}`)
    const isSorted = !setting.shows.startsWith('table')
    const expected = scores.slice(1).sort((a, b) => b - a)
    const shown = list.map(({ score }) => score)
    if (!isSorted) shown.sort((a, b) => b - a)
    const wrong = shown.findIndex((score, place) => score !== expected[place])
    if (wrong >= 0) throw new Error(`the list has ${shown[wrong]} at ${wrong}, and not ${expected[wrong]}`)
  }

  answerParent({
    async hold(wanted: Setting): Promise<void> {
      setting = wanted
      scores = Array.from({ length: setting.rows + 1 }, (_, id) => id)
      highest = setting.rows
      await side.hold(setting)
    },

    /** @returns µs a message */
    measure({ messages, updatesEach }: Work): number {
      const updates = Array.from({ length: messages }, () => Array.from({ length: updatesEach }, nextUpdate))
      const encoded = updates.map((each) => side.encode(each))
      page.calls = 0
      globalThis.gc?.()
      const startedAt = performance.now()
      for (const message of encoded) side.apply(message)
      const tookMs = performance.now() - startedAt
      check(messages * (setting.shows === 'rows' ? updatesEach : 1))
      return (tookMs * 1e3) / messages
    },
  })
}

/** The ids whose rows have listeners, spread evenly. */
export function listenedId({ rows, listeners }: Setting, index: number): number {
  return Math.floor((index * rows) / listeners) + 1
}
