import type { Child } from '../test/child.ts'
import type { StartOptions } from './reconnect/clients-process.ts'
import { change, worldSql } from './reconnect/world.ts'
import type { ServeOptions } from './sides/rowcast-server.ts'
import type { Bench, BenchContext } from './suite/bench.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { quantile } from './suite/quantile.ts'
import { atMost, figure, type Figure } from './suite/report.ts'
import type { Usage } from './suite/usage.ts'

const fullClients = 5_000
const fullChanges = 1_000
const limitMs = 5_000
const blockLimitMs = 20
/**
 * Ten times the clients may ask the database so much more. What is asked for each is asked for hundreds at once, so it is
 * hundreds of times less than one by one; but however many come, some of it is asked in turns of 500.
 */
const queriesLimit = 3
const shownFaults = 20

/**
 * What it takes to come back, all at once. Clients follow three things each; their server is killed; rows change; another
 * server starts, and all come back to it at once, without the jitter that real clients have.
 */
export const reconnect: Bench = {
  name: 'reconnect',
  summary: '5,000 sessions that come back at once after their server was killed, with 1,000 changes missed',
  async run(context) {
    await using database = await openDatabase(context.say)
    await using processes = new Processes(context)
    return { postgresql: database.version, figures: await measure(database, processes, context) }
  },
}

async function measure(
  { admin, role, serverUrl }: BenchDatabase,
  processes: Processes,
  { scale, say }: BenchContext,
): Promise<Figure[]> {
  const limit = (limit: number) => (scale === 1 ? limit : null)
  const clients = Math.max(100, Math.round(fullClients * scale))
  const changes = Math.max(100, Math.round(fullChanges * scale))
  await admin.query(`${worldSql}; grant select on item, team to ${role}`)
  const program = new URL('sides/rowcast-server.ts', import.meta.url)
  const serve = async (server: Child, port?: number) =>
    server.ask<number>('serve', { database: serverUrl, role, ...(port && { port }) } satisfies ServeOptions)
  const driver = processes.start('clients', new URL('reconnect/clients-process.ts', import.meta.url))
  let server = processes.start('the first server', program)
  const port = await serve(server)
  const faults: string[] = []
  let changed = 0

  const comeBack = async (clients: number) => {
    say(`connecting ${clients.toLocaleString('en')} clients`)
    await driver.ask('start', { url: `http://127.0.0.1:${port}`, clients } satisfies StartOptions)
    say(`killing their server, and ${changes.toLocaleString('en')} changes`)
    await server.end()
    const missed = await change(admin, changed, changes)
    changed += changes
    server = processes.startServer(`a server for ${clients} clients`, program)
    await serve(server, port)
    const queriesBefore = await server.ask<number>('queries')
    const before = await server.ask<Usage>('usage')
    const clientsBefore = await driver.ask<Usage>('usage')
    say('all come back')
    const times = await driver.ask<number[]>('comeBack')
    const used = await server.ask<Usage>('usage')
    const queries = (await server.ask<number>('queries')) - queriesBefore
    faults.push(...(await driver.ask<string[]>('faults', missed)))
    const clientsUsed = await driver.ask<Usage>('usage')
    return {
      times,
      queries,
      used: { ...used, cpuMs: used.cpuMs - before.cpuMs },
      clientsCpuMs: clientsUsed.cpuMs - clientsBefore.cpuMs,
    }
  }

  const tenth = Math.round(clients / 10)
  const few = await comeBack(tenth)
  const all = await comeBack(clients)
  for (const fault of faults.slice(0, shownFaults)) say(fault)
  return [
    atMost('all live again', Math.max(...all.times), 'ms', limit(limitMs)),
    figure('half of them live again', quantile(all.times, 0.5), 'ms'),
    atMost('changes that did not come, or not as they should have', faults.length, '', 0),
    figure(`queries of the database for ${tenth.toLocaleString('en')} clients`, few.queries, ''),
    figure(`queries of the database for ${clients.toLocaleString('en')} clients`, all.queries, ''),
    atMost('queries for ten times the clients', all.queries / few.queries, 'times', limit(queriesLimit)),
    figure('server, for each client', all.used.cpuMs / clients, 'ms of a core'),
    figure('the clients themselves, each', all.clientsCpuMs / clients, 'ms of a core'),
    atMost('longest block of the server', all.used.longestBlockMs, 'ms', limit(blockLimitMs)),
    figure('memory of the server', all.used.rssMb, 'MB'),
  ]
}
