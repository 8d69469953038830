import type { Setting, Work } from './store/setting.ts'
import type { ZustandOptions } from './store/zustand-process.ts'
import { alternate, median, medianRatio, type Rounds } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { Processes } from './suite/processes.ts'
import { atLeast, atMost, figure, versionOf, type Figure } from './suite/report.ts'

const rounds = 4
const fewRows = 1_000
const allRows = 100_000
const listeners = 1_000
const manyListeners = 10_000
const batchSize = 1_000

const updateLimitUs = 20
/** As far as two processes that do the same differ, and more rows are further away in the machine's memory. */
const growthLimit = 1.5
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
    const figures = await measure(processes, context)
    return {
      versions: { zustand: versionOf('zustand'), '@tanstack/db': versionOf('@tanstack/db') },
      figures,
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
  const opening = {
    rows: page('rowcast', {}),
    fewRows: page('rowcast', { rows: scaled(fewRows) }),
    alone: page('rowcast', { listeners: 1, updated: 1 }),
    among: page('rowcast', { updated: 1 }),
    amongMany: page('rowcast', { listeners: scaled(manyListeners), updated: 1 }),
    first50: page('rowcast', { shows: 'first 50' }),
    sorted: page('rowcast', { shows: 'sorted' }),
    sortedRead: page('rowcast', { shows: 'sorted, read' }),
    table: page('rowcast', { shows: 'table' }),
    tableRead: page('rowcast', { shows: 'table, read' }),
    zustand: page('zustand', { isAltered: false }),
    zustandAltered: page('zustand', { isAltered: true }),
    tanstack: page('tanstack', {}),
    tanstackFirst50: page('tanstack', { shows: 'first 50' }),
    tanstackSorted: page('tanstack', { shows: 'sorted' }),
  }
  await Promise.all(Object.values(opening))
  say('updating')
  const updates = (name: keyof typeof opening, count: number) => async () =>
    (await opening[name]).ask<number>('measure', { messages: scaled(count), updatesEach: 1 } satisfies Work)
  const batches = (name: keyof typeof opening, messages: number) => async () =>
    (await opening[name]).ask<number>('measure', { messages, updatesEach: scaled(batchSize) } satisfies Work)
  const us = await alternate(rounds, {
    rows: updates('rows', 5_000),
    fewRows: updates('fewRows', 5_000),
    zustand: updates('zustand', 30),
    zustandAltered: updates('zustandAltered', 2_000),
    tanstack: updates('tanstack', 100),
    alone: updates('alone', 5_000),
    among: updates('among', 5_000),
    amongMany: updates('amongMany', 5_000),
    batch: batches('rows', 10),
    zustandBatch: batches('zustand', 2),
    tanstackBatch: batches('tanstack', 1),
    first50: updates('first50', 3_000),
    tanstackFirst50: updates('tanstackFirst50', 100),
    sorted: updates('sorted', 3_000),
    tanstackSorted: updates('tanstackSorted', 100),
    sortedRead: updates('sortedRead', 50),
    table: updates('table', 5_000),
    tableRead: updates('tableRead', 100),
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
  | 'table'
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
    time(`${sorted}, the result taken as React does`, 'sorted'),
    time('the same: TanStack DB', 'tanstackSorted'),
    times('Rowcast is faster by', 'tanstackSorted', 'sorted', limit(1)),
    time('the same, all of it read as a component does: Rowcast', 'sortedRead'),
    time('one update of 100,000 rows in no order, the result taken as React does', 'table'),
    time('the same, all of them read as a component does', 'tableRead'),
  ]
}
