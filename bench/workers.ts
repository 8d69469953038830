import { startRowcast } from '../test/rowcast-process.ts'
import { temporaryFolder } from '../test/temporary-folder.ts'
import type { OpenOptions } from './fanout/clients-process.ts'
import { PacedWriters } from './fanout/paced-writers.ts'
import { measureRun, type Run, type Side } from './fanout/side.ts'
import { alternate, median } from './suite/alternate.ts'
import type { Bench } from './suite/bench.ts'
import { now } from './suite/clock.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { figure, type Figure } from './suite/report.ts'

const fullClients = 1_000
const rounds = 5
const seconds = 1
/** More than one server gets rid of, one by one. */
const commitsPerSecond = 200

/**
 * `rowcast serve` with one process and with two. With clients and PostgreSQL on the same machine there is little to gain
 * from a second one; what it costs is seen all the same.
 */
export const workers: Bench = {
  name: 'workers',
  summary: 'rowcast serve with one process and with two: changes delivered to 1,000 clients',
  async run(context) {
    const { say, scale } = context
    await using database = await openDatabase(say)
    await using processes = new Processes(context)
    const clients = Math.max(10, Math.round(fullClients * scale))
    const servers = [1, 2].map((count) => serve(database, count))
    try {
      const [one, two] = await Promise.all(
        [1, 2].map(async (count, i) => {
          say(`${count} of them: ${clients} clients`)
          const server = await servers[i]
          if (!server) throw new Error('there is no such server')
          const side: Side = {
            url: server.url,
            cpuMs: server.cpuMs,
            clients: processes.start(
              `clients of ${count}`,
              new URL('fanout/clients-process.ts', import.meta.url),
            ),
          }
          await side.clients.ask('open', {
            url: side.url,
            clients: Array.from({ length: clients }, () => ({
              audiences: [null],
              subscriptions: [{ kind: 'table', relation: tableOf(count) }],
            })),
          } satisfies OpenOptions)
          return side
        }),
      )
      await using writers = await PacedWriters.connect(database.url)
      const write = (side: Side | undefined, count: number) => async (): Promise<Run> => {
        if (!side) throw new Error('there is no such side')
        return await measureRun(side, { setting: 0, isRecorded: false, perMessage: clients }, async () => {
          const startedAt = now()
          const options = { seconds: seconds * scale, perSecond: commitsPerSecond, audiences: 1 }
          return { startedAt, changes: await writers.write(tableOf(count), options) }
        })
      }
      say('measuring')
      const runs = await alternate(rounds, { one: write(one, 1), two: write(two, 2) })
      return {
        postgresql: database.version,
        figures: [...figuresOf('one process', runs.one), ...figuresOf('two processes', runs.two)],
      }
    } finally {
      for (const server of servers) await (await server)[Symbol.asyncDispose]()
    }
  },
}

function figuresOf(what: string, runs: readonly Run[]): Figure[] {
  const value = (key: keyof Run) => median(runs.map((run) => run[key]))
  return [
    figure(`${what}: changes delivered`, value('changesPerSecond'), '/s'),
    figure(`${what}: messages delivered`, value('messagesPerSecond'), '/s'),
    figure(`${what}: their CPU for a message`, value('cpuUsPerMessage'), 'µs'),
    figure(`${what}: CPU of the clients`, value('clientsCpu') * 100, '% of a core'),
  ]
}

function tableOf(count: number): string {
  return `for_${count}`
}

/** `rowcast serve`, which says by its metrics what its processes have used. */
async function serve(
  { admin, serverUrl, role }: BenchDatabase,
  count: number,
): Promise<Pick<Side, 'url' | 'cpuMs'> & AsyncDisposable> {
  await PacedWriters.createTable(admin, tableOf(count), role)
  const project = await temporaryFolder({
    'rowcast.config.mjs': `export default {
      authenticate: ({ auth }) => ({ role: ${JSON.stringify(role)}, claims: { sub: String(auth.sub) } }),
    }`,
  })
  const args = ['--workers', String(count), '--host', '127.0.0.1', '--port', '0', '--metrics-port', '0']
  const rowcast = startRowcast(['serve', ...args], { cwd: project.path, env: { DATABASE_URL: serverUrl } })
  const [, metrics = ''] = await rowcast.until(/metrics on (\S+)/)
  const [, url = ''] = await rowcast.until(/listening on (\S+)\//)
  return {
    url,
    async cpuMs() {
      const text = await (await fetch(metrics)).text()
      return Number(/^process_cpu_seconds_total (\S+)$/m.exec(text)?.[1]) * 1_000
    },
    async [Symbol.asyncDispose]() {
      await rowcast[Symbol.asyncDispose]()
      await project[Symbol.asyncDispose]()
    },
  }
}
