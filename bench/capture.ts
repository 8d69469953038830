/**
 * What capture costs: `DATABASE_URL=postgres://… npx tsx bench/capture.ts`, in a database of its own, dropped after.
 *
 * Each figure compares a table that is tracked with the same one that is not, in runs by turns, and is the median of
 * the ratios: what else the machine does weighs on both. Loops run inside PostgreSQL, so the client costs nothing.
 */
import { performance } from 'node:perf_hooks'
import pg from 'pg'
import { migrate } from '../server/db/migrate.ts'

const server = process.env['DATABASE_URL']
if (!server) throw new Error('set DATABASE_URL to a PostgreSQL that may be used for a while')
const name = `rowcast_bench_${process.pid}`
const url = new URL(server)
url.pathname = name

const admin = new pg.Client(server)
await admin.connect()
await admin.query(`create database ${name}`)
const clients: pg.Client[] = []

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(url.href)
  await client.connect()
  clients.push(client)
  return client
}

/** Runs one SQL on every client at once, `plain` and `captured` by turns. */
async function compare(what: string, on: readonly pg.Client[], sql: string, per: number, runs = 7) {
  const times: Record<string, number[]> = { plain: [], captured: [] }
  const ratios: number[] = []
  for (let run = 0; run <= runs; run++) {
    for (const table of ['plain', 'captured']) {
      const start = performance.now()
      await Promise.all(on.map((client) => client.query(sql.replaceAll('$t', table))))
      if (run > 0) times[table]?.push((performance.now() - start) / per)
    }
    if (run > 0) ratios.push((times['captured']?.at(-1) ?? 0) / (times['plain']?.at(-1) ?? 1))
    await admin.query('checkpoint')
  }
  const median = (values: readonly number[] = []) =>
    [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN
  const [plain, captured] = [median(times['plain']), median(times['captured'])].map((ms) =>
    ms < 1 ? `${(ms * 1000).toFixed(1)} µs` : `${ms.toFixed(0)} ms`,
  )
  console.log(
    `${what.padEnd(44)} ${plain?.padStart(9)} → ${captured?.padStart(9)}   × ${median(ratios).toFixed(2)}`,
  )
}

try {
  await migrate(url.href)
  const first = await connect()
  const writers = await Promise.all(Array.from({ length: 32 }, connect))
  await first.query(`
    create table plain (id bigint generated always as identity primary key, channel_id int default 1,
      author text default 'ann', body text default 'hello world', at timestamptz default now());
    create table captured (like plain including all);
    select event.track('captured');
    create procedure commits(t text, n int) language plpgsql as $$
    begin
      for i in 1 .. n loop
        if t = 'plain' then insert into plain default values; else insert into captured default values; end if;
        commit;
      end loop;
    end $$`)

  await compare('commit of one row, one writer', [first], `call commits('$t', 3000)`, 3000)
  await compare('commit of one row, 32 writers', writers, `call commits('$t', 300)`, 300 * 32)
  await first.query('truncate plain, captured, event.change')
  await compare(
    'insert of 100,000 rows',
    [first],
    `insert into $t (channel_id) select i from generate_series(1, 100000) as i`,
    1,
  )
  await first.query(`truncate plain, captured restart identity;
    insert into plain select from generate_series(1, 100000); insert into captured select from generate_series(1, 100000);
    truncate event.change`)
  await compare('update of a field of 100,000 rows', [first], 'update $t set channel_id = channel_id + 1', 1)
  await first.query('create index on plain (channel_id); create index on captured (channel_id)')
  await compare('the same, indexed', [first], 'update $t set channel_id = channel_id + 1', 1)
} finally {
  for (const client of clients) await client.end()
  await admin.query(`drop database ${name} with (force)`)
  await admin.end()
}
