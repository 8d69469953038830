import pg from 'pg'
import type { Bench } from './suite/bench.ts'
import { openDatabase, type BenchDatabase } from './suite/database.ts'
import { quantile } from './suite/quantile.ts'
import { figure, type Figure } from './suite/report.ts'

const writers = 32
/** After one that does not count. */
const runs = 3

/**
 * What capture costs. Each figure compares a table that is tracked with the same one that is not, in runs by turns, and
 * is the median of the ratios: what else the machine does weighs on both. Loops run inside PostgreSQL, so the client
 * costs nothing.
 */
export const capture: Bench = {
  name: 'capture',
  summary: 'what capture costs writers: commits of one row, and statements that change 100,000',
  async run({ scale, say }) {
    await using database = await openDatabase(say)
    const clients = Array.from({ length: writers }, () => new pg.Client(database.url))
    try {
      await Promise.all(clients.map((client) => client.connect()))
      return { postgresql: database.version, figures: await measure(database, clients, scale, say) }
    } finally {
      await Promise.all(clients.map((client) => client.end()))
    }
  },
}

async function measure(
  { admin }: BenchDatabase,
  clients: readonly pg.Client[],
  scale: number,
  say: (message: string) => void,
): Promise<Figure[]> {
  const figures: Figure[] = []
  const compare = async (what: string, on: readonly pg.Client[], sql: string, per: number) => {
    say(what)
    const times: Record<string, number[]> = { plain: [], captured: [] }
    for (let run = 0; run <= runs; run++) {
      for (const table of ['plain', 'captured']) {
        const startedAt = performance.now()
        await Promise.all(on.map((client) => client.query(sql.replaceAll('$t', table))))
        if (run > 0) times[table]?.push((performance.now() - startedAt) / per)
      }
      await admin.query('checkpoint')
    }
    const { plain = [], captured = [] } = times
    figures.push(
      figure(`${what}: not tracked`, quantile(plain, 0.5), 'ms'),
      figure(`${what}: tracked`, quantile(captured, 0.5), 'ms'),
      figure(
        `${what}: ratio`,
        quantile(
          captured.map((ms, i) => ms / (plain[i] ?? NaN)),
          0.5,
        ),
        '',
      ),
    )
  }
  const one = clients.slice(0, 1)
  const rows = Math.round(100_000 * scale)
  const commits = Math.round(2_000 * scale)
  const commitsEach = Math.round(200 * scale)
  await admin.query(`
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
  await compare('commit, one writer', one, `call commits('$t', ${commits})`, commits)
  await compare(
    `commit, ${writers} writers`,
    clients,
    `call commits('$t', ${commitsEach})`,
    commitsEach * clients.length,
  )
  await admin.query('truncate plain, captured, event.change')
  const insert = `insert into $t (channel_id) select i from generate_series(1, ${rows}) as i`
  await compare(`insert of ${rows.toLocaleString('en')} rows`, one, insert, 1)
  await admin.query(`truncate plain, captured restart identity;
    insert into plain select from generate_series(1, ${rows}); insert into captured select from generate_series(1, ${rows});
    truncate event.change`)
  const update = 'update $t set channel_id = channel_id + 1'
  await compare(`update of ${rows.toLocaleString('en')} rows`, one, update, 1)
  await admin.query('create index on plain (channel_id); create index on captured (channel_id)')
  await compare('the same, indexed', one, update, 1)
  return figures
}
