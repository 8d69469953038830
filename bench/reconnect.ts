import type pg from 'pg'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, BenchContext } from './suite/bench.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { Processes } from './suite/processes.ts'
import { quantile } from './suite/quantile.ts'
import type { StartOptions } from './reconnect/clients-process.ts'
import { atMost, figure, type Figure } from './suite/report.ts'
import type { ServeOptions } from './sides/rowcast-server.ts'
import type { Usage } from './suite/usage.ts'

const fullClients = 5_000
const fullChanges = 1_000
const limitMs = 5_000
/** PostgreSQL's statistics are a second late. */
const statisticsMs = 1_500

/**
 * What it takes to come back, all at once. Clients follow three things each; their server is killed; rows change; another
 * server starts, and all come back to it at once, without the jitter that real clients have. The database's work is
 * counted in transactions: nearly all of a server's queries are one each.
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
  const clients = Math.max(10, Math.round(fullClients * scale))
  const changes = Math.round(fullChanges * scale)
  await admin.query(`create table item (id int primary key, team int, score int, text text);
    create table team (id int primary key, name text);
    grant select on item, team to ${role};
    insert into team select n, 'team ' || n from generate_series(0, 99) as n;
    insert into item select n, n % 100, n, repeat('x', 50) from generate_series(1, 10000) as n;
    select event.track('item'); select event.track('team')`)
  const program = new URL('sides/rowcast-server.ts', import.meta.url)
  const first = processes.start('the first server', program)
  const port = await first.ask<number>('serve', { database: serverUrl, role } satisfies ServeOptions)
  const driver = processes.start('clients', new URL('reconnect/clients-process.ts', import.meta.url))
  say(`connecting ${clients} clients`)
  await driver.ask('start', { url: `http://127.0.0.1:${port}`, clients } satisfies StartOptions)
  say(`killing their server, and ${changes} changes`)
  await first.end()
  for (let i = 0; i < changes; i++)
    await admin.query('update item set score = score + 1 where id = $1', [(i % 10_000) + 1])
  const second = processes.startServer('the second server', program)
  await second.ask('serve', { database: serverUrl, role, port } satisfies ServeOptions)
  const before = await transactions(admin)
  say('all come back')
  const times = await driver.ask<number[]>('comeBack')
  const { rssMb } = await second.ask<Usage>('usage')
  await sleep(statisticsMs)
  const queries = (await transactions(admin)) - before
  return [
    atMost('all live again', Math.max(...times), 'ms', scale === 1 ? limitMs : null),
    figure('half of them live again', quantile(times, 0.5), 'ms'),
    figure('transactions in the database', queries, ''),
    figure('transactions per client', queries / clients, ''),
    figure('memory of the server', rssMb, 'MB'),
  ]
}

async function transactions(admin: pg.Client): Promise<number> {
  const { rows } = await admin.query<{ count: number }>(
    `select (xact_commit + xact_rollback)::int as count from pg_stat_database where datname = current_database()`,
  )
  return rows[0]?.count ?? NaN
}
