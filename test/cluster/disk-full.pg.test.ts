import type pg from 'pg'
import { expect, test } from 'vitest'
import { startOwnPostgres } from '../own-postgres.ts'
import { startRowcast } from '../rowcast-server.ts'
import { createBank, expectEqual, openPage, startWriter, waitFor } from './bank.ts'
import { mountSmallDisk } from './small-disk.ts'

/** Puts the change log, with its indexes and whatever lies apart of its rows, into a tablespace. */
async function moveLogTo(client: pg.Client, tablespace: string): Promise<void> {
  const { rows } = await client.query<{ move: string }>(`
    select format('alter table %s set tablespace ${tablespace}', t.relid) as move
      from pg_partition_tree('event.change') as t where t.isleaf
    union all
    select format('alter index %s set tablespace ${tablespace}', i.indexrelid::regclass)
      from pg_partition_tree('event.change') as t join pg_index as i on i.indrelid = t.relid where t.isleaf`)
  expect(rows.length).toBeGreaterThan(0)
  for (const { move } of rows) await client.query(move)
}

test(
  'a full disk under the change log: the writer is told, nothing is left of its transaction, and all else goes on',
  { timeout: 120_000 },
  async ({ skip }) => {
    await using disk = await mountSmallDisk(4096)
    if (disk.problem) return skip(disk.problem)
    await using postgres = await startOwnPostgres()
    await createBank(postgres.url)
    const client = await postgres.connect()
    await client.query(`create tablespace small location '${disk.path}'`)
    await moveLogTo(client, 'small')
    await client.query('create table apart (n integer)')
    await using rowcast = await startRowcast(postgres.url)
    using one = await openPage(rowcast.url)
    using two = await openPage(rowcast.url)
    const writer = startWriter(postgres.url)
    await writer.more(20)

    const bulk = `insert into entry select 'bulk' || n, n from generate_series(1, 30000) as n`
    await expect(client.query(`begin; insert into apart values (1); ${bulk}; commit`)).rejects.toMatchObject({
      code: '53100',
    })
    await client.query('rollback')
    const { rows } = await client.query(`select (select count(*)::int from apart) as apart,
    (select count(*)::int from entry where name like 'bulk%') as bulk`)
    expect(rows).toEqual([{ apart: 0, bulk: 0 }])

    // As soon as the last pages are full, small transactions fare like the big one.
    await waitFor(() => expect(writer.failures.length).toBeGreaterThan(3))
    expect(new Set(writer.failures)).toEqual(new Set(['53100']))

    // What is not captured is written as ever, and whoever comes is served.
    await client.query('insert into apart values (2)')
    using three = await openPage(rowcast.url)
    expect(rowcast.rowcast.health().status).toBe('ok')
    for (const page of [one, two]) expect(page.connections).toEqual(['connecting', 'live'])

    await disk.resize(262_144)
    await writer.more(20)
    await client.query(bulk)
    await writer.stop()
    await waitFor(async () => {
      const { rows: counted } = await client.query('select count(*)::int as n from entry')
      expect(one.shown().entries.length).toBe(counted[0].n)
    })
    await expectEqual([one, two, three], postgres.url)
    for (const page of [one, two, three]) expect(page.epochs.size).toBe(1)
  },
)

test('a log that has filled its disk frees itself of what is due, once there is a little room', async ({
  skip,
}) => {
  await using disk = await mountSmallDisk(4096)
  if (disk.problem) return skip(disk.problem)
  await using postgres = await startOwnPostgres()
  await createBank(postgres.url)
  const client = await postgres.connect()
  await client.query(`create tablespace small location '${disk.path}'`)
  await moveLogTo(client, 'small')
  const insert = (name: string, count: number) =>
    client.query(`insert into entry select '${name}' || n, n from generate_series(1, ${count}) as n`)
  await client.query(`select event.retain('1 hour', null)`)
  const tend = (hours: number) =>
    client.query(`select did from event.tend_log_at(clock_timestamp() + interval '${hours} hours')`)
  await insert('old', 8_000)
  expect((await tend(0.5)).rows).toEqual([{ did: 'opened' }])
  await expect(insert('bulk', 30_000)).rejects.toMatchObject({ code: '53100' })
  await expect(async () => {
    for (let i = 0; ; i++) await insert(`small${i}.`, 10)
  }).rejects.toMatchObject({ code: '53100' })

  // TRUNCATE makes the new, empty files before it lets go of the old ones.
  await expect(tend(2).then(() => tend(4))).rejects.toMatchObject({ code: '53100' })
  await disk.resize(4096 + 64)
  const { rows } = await tend(4)
  expect(rows).toContainEqual({ did: 'emptied' })
  await insert('after', 100)
})
