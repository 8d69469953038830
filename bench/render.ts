import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium, type Browser } from 'playwright'
import { browserFlags, browserVariable, findBrowser } from '../test/browser.ts'
import type { Child } from '../test/child.ts'
import { temporaryFolder } from '../test/temporary-folder.ts'
import { buildPage } from './render/build-page.ts'
import { LivePage, type MainThread } from './render/live-page.ts'
import type { Watched } from './render/page/probe.ts'
import { delaysOf, type Delay, type Update } from './render/painted.ts'
import { bridgeSql } from './sides/bridge.ts'
import type { PaceOptions } from './sides/paced-writer.ts'
import type { ServeOptions } from './sides/rowcast-server.ts'
import { alternate, median } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { quantile } from './suite/quantile.ts'
import { atLeast, atMost, figure, versionOf, type Figure } from './suite/report.ts'

const fullRows = 1_000
const rounds = 2
/** Updates a second, and for how long. */
const paces = [
  { perSecond: 1, seconds: 2 },
  { perSecond: 10, seconds: 1.5 },
  { perSecond: 100, seconds: 1 },
  { perSecond: 1_000, seconds: 1.5 },
]
const frameMs = 1000 / 60
/** An update that is not seen after so long is missing. */
const settleMs = 200

const sides = {
  list: 'useTable, a component for each row',
  rows: '1,000 useRow',
  bridge: 'bare bridge, 1,000 zustand selectors',
} as const
type Side = keyof typeof sides

/** What a page made of updates at an even pace. */
interface Measured {
  readonly updates: readonly Update[]
  readonly delays: readonly Delay[]
  readonly missing: number
  readonly watched: Watched
  readonly framesPerSecond: number
  readonly longestGapMs: number
  readonly mainThread: MainThread
}

/**
 * A page in a real browser that shows 1,000 rows while some of them change: when an update is painted, what renders, and
 * whether the page keeps its frames. Built and served as it would be shipped, once with each of the two usual ways to write
 * it; and once fed by the bare bridge.
 */
export const render: Bench = {
  name: 'render',
  summary: '1,000 rows in a browser: from commit to paint, what renders, frames per second',
  async run(context) {
    const program = await findBrowser()
    if (program === null)
      throw new Error(
        'The bench render needs a browser, and there is none. Install Chromium, Chrome or Edge ' +
          `(\`npx playwright install chromium\`), or set ${browserVariable} to the path of one.`,
      )
    context.say('building the page')
    await using folder = await temporaryFolder()
    await buildPage(folder.path, context.profile !== undefined)
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    const browser = await chromium.launch({ executablePath: program, args: browserFlags })
    try {
      const world = await open(database, processes, browser, folder.path, context)
      const figures = await measure(world, context)
      const versions = {
        chromium: browser.version(),
        react: versionOf('react'),
        zustand: versionOf('zustand'),
      }
      return { postgresql: database.version, versions, figures }
    } finally {
      await browser.close()
    }
  },
}

interface World {
  readonly database: BenchDatabase
  readonly writer: Child
  readonly pages: Readonly<Record<Side, LivePage>>
  readonly rows: number
  readonly mountMs: Readonly<Record<Side, number>>
}

/** Each page has a table of its own, so that the others are at rest while it is measured. */
const tableOf = (side: Side): string => `player_${side}`

async function open(
  database: BenchDatabase,
  processes: Processes,
  browser: Browser,
  folder: string,
  { scale, say }: BenchContext,
): Promise<World> {
  const { admin, role, url, serverUrl } = database
  const rows = Math.round(fullRows * scale)
  for (const side of Object.keys(sides) as Side[])
    await admin.query(`create table ${tableOf(side)} (id int primary key, name text not null, score int not null);
      insert into ${tableOf(side)} select n, 'p' || n, 0 from generate_series(1, ${rows}) as n;
      grant select on ${tableOf(side)} to ${role};
      ${side === 'bridge' ? bridgeSql(tableOf(side)) : `select event.track('${tableOf(side)}')`}`)
  const start = (name: string) => new URL(`sides/${name}.ts`, import.meta.url)
  const server = processes.startServer('server', start('rowcast-server'))
  const bridge = processes.startServer('bridge', start('bridge-server'))
  const writer = processes.start('writer', start('paced-writer'))
  const [port, bridgePort] = await Promise.all([
    server.ask<number>('serve', { database: serverUrl, role, folder } satisfies ServeOptions),
    bridge.ask<number>('serve', { database: url }),
    writer.ask('connect', url),
  ])
  say(`opening pages with ${rows} rows each`)
  const mountMs = { list: NaN, rows: NaN, bridge: NaN }
  const openPage = async (way: Side) => {
    const page = await LivePage.open(browser)
    const query = new URLSearchParams({
      way,
      table: tableOf(way),
      rows: String(rows),
      bridge: `http://127.0.0.1:${bridgePort}`,
    })
    mountMs[way] = await page.show(`http://127.0.0.1:${port}/?${query.toString()}`, rows)
    return page
  }
  const pages = {
    list: await openPage('list'),
    rows: await openPage('rows'),
    bridge: await openPage('bridge'),
  }
  return { database, writer, pages, rows, mountMs }
}

async function measure(world: World, context: BenchContext): Promise<Figure[]> {
  const { pages, mountMs, rows } = world
  const idle = { list: NaN, rows: NaN, bridge: NaN }
  for (const side of Object.keys(sides) as Side[]) idle[side] = await idleFrames(pages[side])
  const scores = { list: 0, rows: 0, bridge: 0 }
  const turn = (side: Side) => async (round: number) => {
    context.say(`round ${round}: ${sides[side]}`)
    const measured: Measured[] = []
    for (const { perSecond, seconds } of paces) {
      const commits = Math.max(1, Math.round(perSecond * seconds * (round === 0 ? 0.1 : context.scale)))
      const isProfiled = context.profile !== undefined && perSecond === 1_000 && round === rounds
      if (isProfiled) await pages[side].startProfile()
      measured.push(await pace(world, side, perSecond, commits, scores[side]))
      scores[side] += commits
      if (isProfiled)
        await writeFile(
          join(context.profile ?? '', `page-${side}.cpuprofile`),
          await pages[side].stopProfile(),
        )
    }
    return measured
  }
  const outcome = await alternate(rounds, { list: turn('list'), rows: turn('rows'), bridge: turn('bridge') })
  for (const side of Object.keys(sides) as Side[]) await compare(world, side)
  return (Object.keys(sides) as Side[]).flatMap((side) =>
    figuresOf(side, outcome[side], {
      idle: idle[side],
      mountMs: mountMs[side],
      rows,
      isJudged: context.scale === 1 && side !== 'bridge',
    }),
  )
}

async function idleFrames(page: LivePage): Promise<number> {
  await page.watch()
  await sleep(1_000)
  return perSecondOf((await page.watched()).frames)
}

async function pace(
  { pages, writer, rows }: World,
  side: Side,
  perSecond: number,
  commits: number,
  score: number,
): Promise<Measured> {
  const page = pages[side]
  const before = await page.mainThread()
  await page.watch()
  const times = await writer.ask<number[]>('pace', {
    sql: `update ${tableOf(side)} set score = ${score + 1} + $1 where id = 1 + $1 * ${step} % ${rows}`,
    commits,
    perSecond,
  } satisfies PaceOptions)
  await sleep(settleMs)
  const watched = await page.watched()
  const after = await page.mainThread()
  const updates = times.map((at, i): Update => ({ id: 1 + ((i * step) % rows), score: score + 1 + i, at }))
  const delays = delaysOf(updates, watched.sightings)
  const frames = watched.frames.filter((at) => at >= (times[0] ?? NaN) && at <= (times.at(-1) ?? NaN))
  return {
    updates,
    delays: delays.filter((delay) => delay !== undefined),
    missing: delays.filter((delay) => delay === undefined).length,
    watched,
    framesPerSecond: perSecondOf(frames),
    longestGapMs: Math.max(...frames.slice(1).map((at, i) => at - (frames[i] ?? NaN))),
    mainThread: {
      allMs: after.allMs - before.allMs,
      scriptMs: after.scriptMs - before.scriptMs,
      layoutMs: after.layoutMs - before.layoutMs,
    },
  }
}

/** One update after the other is of another row, all over the page, until each has had its turn. */
const step = 619

function perSecondOf(times: readonly number[]): number {
  const [first = NaN, last = NaN] = [times[0], times.at(-1)]
  return ((times.length - 1) / (last - first)) * 1_000
}

/** @throws if the page does not show what the table has */
async function compare({ database, pages }: World, side: Side): Promise<void> {
  const { rows } = await database.admin.query<{ id: number; score: number }>(
    `select id, score from ${tableOf(side)} order by id`,
  )
  const [shown, errors] = [new Map(await pages[side].rows()), pages[side].errors]
  const wrong = rows.filter(({ id, score }) => shown.get(id) !== score)
  if (wrong.length > 0 || shown.size !== rows.length || errors.length > 0)
    throw new Error(`${sides[side]}: ${wrong.length} rows are not shown as they are; ${errors.join('; ')}`)
}

function figuresOf(
  side: Side,
  measured: readonly (readonly Measured[])[],
  { idle, mountMs, rows, isJudged }: { idle: number; mountMs: number; rows: number; isJudged: boolean },
): Figure[] {
  const name = (what: string) => `${sides[side]}: ${what}`
  const figures = [figure(name(`${rows} rows shown, from the page's first request`), mountMs, 'ms')]
  paces.forEach(({ perSecond }, index) => {
    const at = measured.map((ofRound) => ofRound[index] as Measured)
    const paintMs = at.flatMap(({ delays }) => delays.map(({ toPaintMs }) => toPaintMs))
    const domMs = at.flatMap(({ delays }) => delays.map(({ toDomMs }) => toDomMs))
    figures.push(
      figure(name(`${perSecond}/s, commit to document, p50`), quantile(domMs, 0.5), 'ms'),
      figure(name(`${perSecond}/s, commit to painted, p50`), quantile(paintMs, 0.5), 'ms'),
      atMost(
        name(`${perSecond}/s, commit to painted, p95`),
        quantile(paintMs, 0.95),
        'ms',
        isJudged ? Math.round(20 * frameMs) / 10 : null,
      ),
    )
  })
  const all = measured.flat()
  const fastest = measured.map((ofRound) => ofRound.at(-1) as Measured)
  const perUpdate = (of: (mainThread: MainThread) => number) =>
    median(fastest.map(({ mainThread, updates }) => (of(mainThread) / updates.length) * 1_000))
  const fps = median(fastest.map(({ framesPerSecond }) => framesPerSecond))
  figures.push(
    figure(name('frames, idle'), idle, '/s'),
    figure(name('frames at 1,000/s'), fps, '/s'),
    atLeast(name('frames at 1,000/s, of the idle page’s'), (fps / idle) * 100, '%', isJudged ? 95 : null),
    figure(
      name('longest time between frames at 1,000/s'),
      Math.max(...fastest.map(({ longestGapMs }) => longestGapMs)),
      'ms',
    ),
    figure(
      name('tasks of more than 50 ms'),
      all.reduce((sum, { watched }) => sum + watched.longTasks, 0),
      '',
    ),
    figure(
      name('main thread, per update'),
      perUpdate(({ allMs }) => allMs),
      'µs',
    ),
    figure(
      name('of it scripts'),
      perUpdate(({ scriptMs }) => scriptMs),
      'µs',
    ),
    figure(
      name('of it style and layout'),
      perUpdate(({ layoutMs }) => layoutMs),
      'µs',
    ),
    ...rendersOf(all).map(([what, value, limit]) =>
      limit === null ? figure(name(what), value, '') : atMost(name(what), value, '', limit),
    ),
    atMost(
      name('updates that were not painted'),
      all.reduce((sum, { missing }) => sum + missing, 0),
      '',
      0,
    ),
  )
  return figures
}

/** How often components rendered, and how often they may at most. */
function rendersOf(all: readonly Measured[]): [what: string, value: number, limit: number | null][] {
  let [ofRows, tooMany, ofOthers, updates] = [0, 0, 0, 0]
  for (const { updates: made, watched } of all) {
    const touched = new Map<number, number>()
    for (const { id } of made) touched.set(id, (touched.get(id) ?? 0) + 1)
    for (const [component, renders] of Object.entries(watched.renders)) {
      if (Number.isNaN(Number(component))) ofOthers += renders
      else {
        ofRows += renders
        tooMany += Math.max(0, renders - (touched.get(Number(component)) ?? 0))
      }
    }
    updates += made.length
  }
  return [
    ['renders of rows, per update', ofRows / updates, null],
    ['renders of rows without an update of it', tooMany, 0],
    ['renders of the list', ofOthers, null],
  ]
}
