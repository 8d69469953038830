import type { Child } from '../../test/child.ts'
import type { Arrival } from '../sides/arrivals.ts'
import type { PaceOptions } from '../sides/paced-writer.ts'
import type { OpenOptions } from '../sides/rowcast-client.ts'
import type { ServeOptions } from '../sides/rowcast-server.ts'
import { median } from '../suite/alternate.ts'
import type { BenchDatabase } from '../suite/database.ts'
import type { Processes } from '../suite/processes.ts'
import type { Usage } from '../suite/usage.ts'
import type { ConnectOptions } from './sessions-process.ts'
import { changeSql, setupSql, watched } from './setting.ts'

/** What one change came to. */
export interface Cost {
  readonly serverMs: number
  /** NaN where it cannot be seen. */
  readonly postgresqlMs: number
  /** From its commit until the client that watches has it. */
  readonly latencyMs: number
}

const changesPerTurn = 60
const perSecond = 100
const turnMs = (changesPerTurn / perSecond) * 1_000
const driverProcesses = 2

/** A server with so many sessions, a client that watches what changes, and who changes it. */
export class Size {
  readonly sessions: number
  /** What it took to let each in. */
  readonly connected: { readonly ms: number; readonly serverMs: number; readonly postgresqlMs: number }
  readonly #database: BenchDatabase
  readonly #server: Child
  readonly #watcher: Child
  readonly #writer: Child
  readonly #drivers: readonly Child[]
  #changes = 0

  /** Resolves when all sessions show what they follow. */
  static async start(database: BenchDatabase, processes: Processes, sessions: number): Promise<Size> {
    const { admin, role, url, serverUrl } = database
    await admin.query(setupSql(role, sessions))
    const start = (name: string, file: string) =>
      processes.start(`${name} of ${sessions}`, new URL(`../${file}.ts`, import.meta.url))
    const server = processes.startServer(
      `server of ${sessions}`,
      new URL('../sides/rowcast-server.ts', import.meta.url),
    )
    const port = await server.ask<number>('serve', { database: serverUrl, role } satisfies ServeOptions)
    const serverAt = `http://127.0.0.1:${port}`
    const watcher = start('watcher', 'sides/rowcast-client')
    await watcher.ask('open', { url: serverAt, subscription: watched } satisfies OpenOptions)
    const writer = start('writer', 'sides/paced-writer')
    await writer.ask('connect', url)
    const drivers = Array.from({ length: Math.min(driverProcesses, sessions) }, (_, i) =>
      start(`sessions ${i}`, 'routing/sessions-process'),
    )
    const look = async () => ({
      at: performance.now(),
      serverMs: (await server.ask<Usage>('usage')).cpuMs,
      postgresqlMs: await database.cpuMs(),
    })
    const before = await look()
    const numbers = Array.from({ length: sessions }, (_, i) => i)
    await Promise.all(
      drivers.map((driver, place) =>
        driver.ask('connect', {
          url: serverAt,
          sessions: numbers.filter((number) => number % drivers.length === place),
        } satisfies ConnectOptions),
      ),
    )
    const after = await look()
    const connected = {
      ms: after.at - before.at,
      serverMs: (after.serverMs - before.serverMs) / sessions,
      postgresqlMs: (after.postgresqlMs - before.postgresqlMs) / sessions,
    }
    return new Size(sessions, connected, database, { server, watcher, writer, drivers })
  }

  private constructor(
    sessions: number,
    connected: Size['connected'],
    database: BenchDatabase,
    parts: { server: Child; watcher: Child; writer: Child; drivers: readonly Child[] },
  ) {
    this.sessions = sessions
    this.connected = connected
    this.#database = database
    this.#server = parts.server
    this.#watcher = parts.watcher
    this.#writer = parts.writer
    this.#drivers = parts.drivers
  }

  /** Some changes at an even pace, after as long a time without any: what that takes as well is not a change's doing. */
  async turn(): Promise<Cost> {
    const idle = await this.#workOf(() => new Promise((resolve) => setTimeout(resolve, turnMs)))
    await this.#watcher.ask('arrivals')
    let times: number[] = []
    const busy = await this.#workOf(async () => {
      times = await this.#writer.ask<number[]>('pace', {
        sql: changeSql,
        commits: changesPerTurn,
        perSecond,
      } satisfies PaceOptions)
      await this.#watcher.ask('until', this.#changes + changesPerTurn)
    })
    const arrivals = await this.#watcher.ask<Arrival[]>('arrivals')
    const latencies = times.map((at, i) => {
      const arrival = arrivals.find(([, rows]) => rows > this.#changes + i)
      return (arrival?.[0] ?? NaN) - at
    })
    this.#changes += changesPerTurn
    const each = (of: (work: Work) => number) => (of(busy) - (of(idle) * busy.ms) / idle.ms) / changesPerTurn
    return {
      serverMs: each(({ serverMs }) => serverMs),
      postgresqlMs: each(({ postgresqlMs }) => postgresqlMs),
      latencyMs: median(latencies),
    }
  }

  /** @throws if the watcher does not show what is there, or a session is not as it must be */
  async check(): Promise<void> {
    const { rows } = await this.#database.admin.query(
      'select id, channel, text from item where channel = 0 order by id',
    )
    const shown = await this.#watcher.ask<{ id: number }[]>('rows')
    const isRight = JSON.stringify(shown.sort((a, b) => a.id - b.id)) === JSON.stringify(rows)
    if (!isRight) throw new Error(`beside ${this.sessions} sessions the client does not show what is there`)
    const faults = await Promise.all(this.#drivers.map((driver) => driver.ask<string[]>('faults')))
    const [fault] = faults.flat()
    if (fault !== undefined)
      throw new Error(`of ${this.sessions} sessions ${faults.flat().length} went wrong: ${fault}`)
  }

  usage(): Promise<Usage> {
    return this.#server.ask<Usage>('usage')
  }

  async #workOf(work: () => Promise<unknown>): Promise<Work> {
    const [startedAt, before, postgresqlBefore] = [
      performance.now(),
      await this.usage(),
      await this.#database.cpuMs(),
    ]
    await work()
    const [after, postgresqlAfter] = [await this.usage(), await this.#database.cpuMs()]
    return {
      ms: performance.now() - startedAt,
      serverMs: after.cpuMs - before.cpuMs,
      postgresqlMs: postgresqlAfter - postgresqlBefore,
    }
  }
}

interface Work {
  readonly ms: number
  readonly serverMs: number
  readonly postgresqlMs: number
}
