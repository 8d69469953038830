import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../test/child.ts'
import type { Arrival } from './sides/arrivals.ts'
import { requireEqual, rowsOf, startBothSides, type Side, type Sides } from './sides/both-sides.ts'
import type { PaceOptions } from './sides/paced-writer.ts'
import { Writers } from './sides/writers.ts'
import { alternate } from './suite/alternate.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { quantile } from './suite/quantile.ts'
import { atMost, figure, type Figure } from './suite/report.ts'

const perSecond = 50
const rounds = 3
const roundSeconds = 1.5
/** Of single commits, with seconds of nothing before each. */
const idleRounds = 6
const idleMs = 1_000
const otherSessions = 1_000
const load = { writers: 4, perSecond: 2_000 }
/** What Rowcast may take longer than the bare bridge. */
const p50LimitMs = 1.2
const p99LimitMs = 8

/** From the moment at which a commit has returned to that at which a client's store has it. */
export const latency: Bench = {
  name: 'latency',
  summary: 'from commit to client: when idle, beside 1,000 other sessions, and under load',
  async run(context) {
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    await using writers = await Writers.connect(database.url, load.writers)
    const sides = await startBothSides(database, processes, ['item', 'load', 'quiet'])
    const bench = await Latency.start(database, processes, sides, context)
    return { postgresql: database.version, figures: await bench.measure(writers) }
  },
}

interface Watched {
  readonly side: Side
  readonly client: Child
}

class Latency {
  readonly #database: BenchDatabase
  readonly #context: BenchContext
  readonly #writer: Child
  readonly #rowcast: Watched
  readonly #bridge: Watched

  static async start(
    database: BenchDatabase,
    processes: Processes,
    { rowcast, bridge }: Sides,
    context: BenchContext,
  ): Promise<Latency> {
    const writer = processes.start('writer', new URL('sides/paced-writer.ts', import.meta.url))
    await writer.ask('connect', database.url)
    const watch = async (side: Side) => ({ side, client: await side.follow('item') })
    return new Latency(database, context, writer, await watch(rowcast), await watch(bridge))
  }

  private constructor(
    database: BenchDatabase,
    context: BenchContext,
    writer: Child,
    rowcast: Watched,
    bridge: Watched,
  ) {
    this.#database = database
    this.#context = context
    this.#writer = writer
    this.#rowcast = rowcast
    this.#bridge = bridge
  }

  async measure(writers: Writers): Promise<Figure[]> {
    const { scale, say } = this.#context
    const commits = Math.max(10, Math.round(perSecond * roundSeconds * scale))
    const paced = (at: Watched) => this.#commit(at, commits)
    const figures: Figure[] = []

    say(`${perSecond} commits a second`)
    figures.push(...(await this.#compare(`${perSecond} commits/s`, rounds, paced)))

    say('single commits, with seconds of nothing in between')
    const single = async (at: Watched) => {
      await sleep(idleMs)
      return this.#commit(at, 1)
    }
    const singles = Math.max(2, Math.round(idleRounds * scale))
    figures.push(...(await this.#compare('one commit after seconds of nothing', singles, single)))

    const loads: Watched[] = []
    for (const { side } of [this.#rowcast, this.#bridge])
      loads.push({ side, client: await side.follow('load') })
    say(`the same while ${load.writers} others commit ${load.perSecond} a second into another followed table`)
    const loaded = async (at: Watched) => {
      const insert = `insert into ${at.side.table('load')} (text) values ('load')`
      const seconds = commits / perSecond + 0.2
      const [times] = await Promise.all([
        this.#commit(at, commits, 100),
        writers.write(load.writers, insert, seconds, load.perSecond),
      ])
      return times
    }
    const beside = `${perSecond} commits/s beside ${load.perSecond.toLocaleString('en')} of another followed table`
    figures.push(...(await this.#compare(beside, rounds, loaded)))
    for (const { side, client } of loads) {
      await client.ask('until', await rowsOf(this.#database, side.table('load')))
      await requireEqual(this.#database, side, 'load', client)
    }

    const others = Math.max(1, Math.round(otherSessions * scale))
    say(`connecting ${others} other sessions to each`)
    for (const { side } of [this.#rowcast, this.#bridge]) await side.follow('quiet', others)
    say(`${perSecond} commits a second beside them`)
    const idle = `${perSecond} commits/s beside ${others.toLocaleString('en')} idle sessions`
    figures.push(...(await this.#compare(idle, rounds, paced)))

    for (const { side, client } of [this.#rowcast, this.#bridge])
      await requireEqual(this.#database, side, 'item', client)
    return figures
  }

  async #compare(
    name: string,
    times: number,
    latenciesOf: (at: Watched) => Promise<number[]>,
  ): Promise<Figure[]> {
    const outcome = await alternate(times, {
      bridge: () => latenciesOf(this.#bridge),
      rowcast: () => latenciesOf(this.#rowcast),
    })
    const [bridge, rowcast] = [outcome.bridge.flat(), outcome.rowcast.flat()]
    const isJudged = this.#context.scale === 1
    const judged = (share: number, ms: number) => {
      const limit = quantile(bridge, share) + ms
      const of = `${name}: Rowcast, p${share * 100}`
      return atMost(of, quantile(rowcast, share), 'ms', isJudged ? Number(limit.toFixed(2)) : null)
    }
    return [
      figure(`${name}: bare bridge, p50`, quantile(bridge, 0.5), 'ms'),
      judged(0.5, p50LimitMs),
      figure(`${name}: bare bridge, p99`, quantile(bridge, 0.99), 'ms'),
      judged(0.99, p99LimitMs),
    ]
  }

  /** @returns of each commit, how long after it had returned the client had it */
  async #commit({ side, client }: Watched, commits: number, afterMs = 0): Promise<number[]> {
    const before = await rowsOf(this.#database, side.table('item'))
    await client.ask('until', before)
    await client.ask('arrivals')
    await sleep(afterMs)
    const sql = `insert into ${side.table('item')} (text) values ('item ' || $1)`
    const times = await this.#writer.ask<number[]>('pace', { sql, commits, perSecond } satisfies PaceOptions)
    await client.ask('until', before + commits)
    const arrivals = await client.ask<Arrival[]>('arrivals')
    return times.map((committedAt, i) => {
      const arrival = arrivals.find(([, rows]) => rows > before + i)
      return arrival ? arrival[0] - committedAt : Infinity
    })
  }
}
