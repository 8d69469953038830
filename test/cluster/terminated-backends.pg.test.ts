import { expect, test } from 'vitest'
import { createTestDatabase } from '../database.ts'
import { startRowcast } from '../rowcast-server.ts'
import { createBank, expectEqual, openPage, startWriter } from './bank.ts'

/** What a backend of the server does, by the statement that it runs or has run last. */
const kind = `case
  when query ~* '^listen' then 'listening'
  when query ~* 'snapshot_rows|savepoint attempt|set transaction snapshot' then 'snapshots'
  when query ~* 'bell_key|changes_between|pg_current_snapshot' then 'log'
  else 'sessions and subscriptions' end`
const kinds = ['listening', 'snapshots', 'log', 'sessions and subscriptions']

test(
  'N16 whichever backend of the server is terminated, in the middle of whatever, every page comes right',
  { timeout: 120_000 },
  async () => {
    await using database = await createTestDatabase()
    await createBank(database.url)
    const sql = await database.connect()
    await sql.query(`insert into entry select 'old' || n, n from generate_series(1, 3000) as n`)
    await using rowcast = await startRowcast(database.url)
    using one = await openPage(rowcast.url)
    using two = await openPage(rowcast.url)
    const writer = startWriter(database.url)
    let isOver = false
    // Pages come and go, so that sessions are written and snapshots are read all the time.
    const visiting = (async () => {
      while (!isOver) (await openPage(rowcast.url))[Symbol.dispose]()
    })()
    const ended = new Map<string, number>()
    const deadline = performance.now() + 60_000
    while (!kinds.every((name) => (ended.get(name) ?? 0) >= 5) && performance.now() < deadline) {
      // Of the kind that has been spared most, a busy one first.
      const { rows } = await sql.query(
        `select ${kind} as kind, pid, pg_terminate_backend(pid) from (
         select * from pg_stat_activity
          where application_name = 'rowcast' and datname = current_database() and pid <> pg_backend_pid()
          order by coalesce(($1::jsonb ->> (${kind}))::integer, 0), state = 'active' desc, random() limit 1) as a`,
        [JSON.stringify(Object.fromEntries(ended))],
      )
      for (const row of rows) ended.set(row.kind, (ended.get(row.kind) ?? 0) + 1)
      await writer.more(15) // on a busy machine they come as slowly as all else
    }
    isOver = true
    await visiting
    await writer.stop()
    for (const name of kinds) expect(ended.get(name), name).toBeGreaterThanOrEqual(5)
    await expectEqual([one, two], database.url)
    // The history is whole, so everything came as a change, once.
    for (const page of [one, two]) {
      expect(page.epochs.size).toBe(1)
      expect(new Set(page.inserted)).toEqual(new Set([...page.inserted, ...writer.confirmed]))
    }
  },
)
