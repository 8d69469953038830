import type { Setting, Work } from './store/setting.ts'
import type { ZustandOptions } from './store/zustand-process.ts'
import { alternate, median, medianRatio, type Rounds } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { Processes } from './suite/processes.ts'
import { atLeast, atMost, figure, versionOf, type Figure } from './suite/report.ts'

const rounds = 5
const fewRows = 1_000
const allRows = 100_000
const listeners = 1_000
const manyListeners = 10_000
const batchSize = 1_000

const updateLimitUs = 20
/** What does not concern an update may make it this much slower: more rows are further away in the machine's memory. */
const growthLimit = 1.3
const zustandLimit = 20

/**
 * What it costs the client to apply a change, without React. Each page is a process of its own; what is timed goes, on
 * our side, from the text of a message to the listeners and to what they read.
 */
export const store: Bench = {
  name: 'store',
  summary:
    'the client without React: updates, batches and lists of 100,000 rows, beside zustand and TanStack DB',
  async run(context) {
    await using processes = new Processes(context)
    try {
      const figures = await measure(processes, context)
      return {
        versions: { zustand: versionOf('zustand'), '@tanstack/db': versionOf('@tanstack/db') },
        figures,
      }
    } finally {
      if (processes.complaints) context.say(processes.complaints)
    }
  },
}

async function measure(processes: Processes, { scale, say }: BenchContext): Promise<Figure[]> {
  const scaled = (count: number) => Math.max(1, Math.round(count * scale))
  const rows = scaled(allRows)
  const page = async (
    side: 'rowcast' | 'zustand' | 'tanstack',
    setting: Partial<Setting & ZustandOptions>,
  ) => {
    const child = processes.startServer(side, new URL(`store/${side}-process.ts`, import.meta.url))
    const listened = scaled(listeners)
    await child.ask('hold', { rows, shows: 'rows', listeners: listened, updated: listened, ...setting })
    return child
  }
  say(
    `holding ${rows.toLocaleString('en')} rows, in each of several pages; sorted, it takes TanStack DB a while`,
  )
  const pages = {
    rows: await page('rowcast', {}),
    fewRows: await page('rowcast', { rows: scaled(fewRows) }),
    alone: await page('rowcast', { listeners: 1, updated: 1 }),
    among: await page('rowcast', { updated: 1 }),
    amongMany: await page('rowcast', { listeners: scaled(manyListeners), updated: 1 }),
    first50: await page('rowcast', { shows: 'first 50' }),
    sorted: await page('rowcast', { shows: 'sorted' }),
    sortedRead: await page('rowcast', { shows: 'sorted, read' }),
    tableRead: await page('rowcast', { shows: 'table, read' }),
    zustand: await page('zustand', { isAltered: false }),
    zustandAltered: await page('zustand', { isAltered: true }),
    tanstack: await page('tanstack', {}),
    tanstackFirst50: await page('tanstack', { shows: 'first 50' }),
    tanstackSorted: await page('tanstack', { shows: 'sorted' }),
  }
  say('updating')
  const updates = (name: keyof typeof pages, count: number) => () =>
    pages[name].ask<number>('measure', { messages: scaled(count), updatesEach: 1 } satisfies Work)
  const batches = (name: keyof typeof pages, messages: number) => () =>
    pages[name].ask<number>('measure', { messages, updatesEach: scaled(batchSize) } satisfies Work)
  const us = await alternate(rounds, {
    rows: updates('rows', 10_000),
    fewRows: updates('fewRows', 10_000),
    zustand: updates('zustand', 50),
    zustandAltered: updates('zustandAltered', 5_000),
    tanstack: updates('tanstack', 200),
    alone: updates('alone', 10_000),
    among: updates('among', 10_000),
    amongMany: updates('amongMany', 10_000),
    batch: batches('rows', 20),
    zustandBatch: batches('zustand', 2),
    tanstackBatch: batches('tanstack', 1),
    first50: updates('first50', 5_000),
    tanstackFirst50: updates('tanstackFirst50', 200),
    sorted: updates('sorted', 5_000),
    tanstackSorted: updates('tanstackSorted', 200),
    sortedRead: updates('sortedRead', 200),
    tableRead: updates('tableRead', 200),
  })
  return figuresOf(us, scale === 1)
}

type Sides =
  | 'rows'
  | 'fewRows'
  | 'alone'
  | 'among'
  | 'amongMany'
  | 'batch'
  | 'first50'
  | 'sorted'
  | 'sortedRead'
  | 'tableRead'
  | 'zustand'
  | 'zustandAltered'
  | 'zustandBatch'
  | 'tanstack'
  | 'tanstackBatch'
  | 'tanstackFirst50'
  | 'tanstackSorted'

function figuresOf(us: Rounds<Sides, number>, isJudged: boolean): Figure[] {
  const limit = (limit: number) => (isJudged ? limit : null)
  const time = (what: string, side: Sides) => figure(what, median(us[side]), 'µs')
  const times = (what: string, other: Sides, side: Sides, least: number | null) =>
    atLeast(what, medianRatio(us[other], us[side]), 'times', least)
  const grows = (what: string, side: Sides, from: Sides) =>
    atMost(what, medianRatio(us[side], us[from]), 'times', limit(growthLimit))
  const one = 'one update, 100,000 rows, 1,000 listeners'
  const first50 = 'a row comes to the top of an ordered list of 50 in 100,000, read'
  const sorted = 'a row comes to the top of 100,000 in order'
  return [
    atMost(`${one}: message to listener and its row read`, median(us.rows), 'µs', limit(updateLimitUs)),
    time('the same of 1,000 rows', 'fewRows'),
    grows('100,000 rows against 1,000', 'rows', 'fewRows'),
    time('the same row again and again, no listener elsewhere', 'alone'),
    grows('1,000 listeners against none elsewhere', 'among', 'alone'),
    grows('10,000 listeners against none elsewhere', 'amongMany', 'alone'),
    time(`${one}: zustand, a selector each`, 'zustand'),
    times('Rowcast is faster by', 'zustand', 'rows', limit(zustandLimit)),
    time('zustand, rows altered in place: only the selectors', 'zustandAltered'),
    time(`${one}: TanStack DB, a filter each`, 'tanstack'),
    times('Rowcast is faster by', 'tanstack', 'rows', limit(1)),
    time('a batch of 1,000 updates, all 1,000 listeners', 'batch'),
    time('the same: zustand', 'zustandBatch'),
    time('the same: TanStack DB', 'tanstackBatch'),
    times('Rowcast is faster than TanStack DB by', 'tanstackBatch', 'batch', limit(1)),
    time(first50, 'first50'),
    time('the same: TanStack DB', 'tanstackFirst50'),
    times('Rowcast is faster by', 'tanstackFirst50', 'first50', limit(1)),
    time(`${sorted}, the listener told`, 'sorted'),
    time('the same: TanStack DB', 'tanstackSorted'),
    times('Rowcast is faster by', 'tanstackSorted', 'sorted', limit(1)),
    time(`${sorted}, all of it read`, 'sortedRead'),
    time('one update of 100,000 rows in no order, all of them read', 'tableRead'),
  ]
}
