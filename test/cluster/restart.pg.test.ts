import { expect, test } from 'vitest'
import { startOwnPostgres } from '../own-postgres.ts'
import { startRowcast } from '../rowcast-server.ts'
import { createBank, expectEqual, openPage, startWriter, waitFor } from './bank.ts'

test('a database that is restarted in good order: pages go on from where they were', async () => {
  await using postgres = await startOwnPostgres()
  await createBank(postgres.url)
  await using rowcast = await startRowcast(postgres.url)
  using one = await openPage(rowcast.url)
  using two = await openPage(rowcast.url)
  const pages = [one, two]
  const writer = startWriter(postgres.url)
  await writer.more(20)
  const quiet = one.quiet()
  for (let round = 0; round < 3; round++) {
    await postgres.restart('fast')
    await writer.more(20)
  }
  await writer.stop()
  await expectEqual(pages, postgres.url)
  for (const page of pages) {
    expect(page.epochs.size).toBe(1)
    expect(page.gaps).toEqual([])
    // Nothing was taken back, so each entry came as a change to who was there from the beginning.
    expect(new Set(page.inserted)).toEqual(new Set([...page.inserted, ...writer.confirmed]))
  }
  for (const [id, row] of one.quiet()) expect(row).toBe(quiet.get(id))
})

test.each([
  ['stopped at once', 'immediate'],
  ['killed', 'kill'],
] as const)('a database that is %s: pages begin anew, and no row flashes', async (_, how) => {
  await using postgres = await startOwnPostgres()
  await createBank(postgres.url)
  await using rowcast = await startRowcast(postgres.url)
  using one = await openPage(rowcast.url)
  using two = await openPage(rowcast.url)
  const pages = [one, two]
  const writer = startWriter(postgres.url)
  await writer.more(20)
  const quiet = one.quiet()
  for (let round = 1; round <= 3; round++) {
    await (how === 'kill' ? postgres.kill9() : postgres.stop('immediate'))
    await postgres.start()
    await writer.more(20)
    await waitFor(() => pages.forEach(({ epochs }) => expect(epochs.size).toBe(1 + round)))
  }
  await writer.stop()
  await expectEqual(pages, postgres.url)
  for (const page of pages) expect(page.gaps).toEqual(Array(3).fill('epoch_changed'))
  expect(quiet.size).toBe(50)
  for (const [id, row] of one.quiet()) expect(row).toBe(quiet.get(id))
})

test('commits that pages have shown and the crash has taken back are shown no more', async () => {
  // The log of the last commits is in memory only, until it is flushed after ten seconds or a crash has lost it.
  await using postgres = await startOwnPostgres({
    settings: { synchronous_commit: 'off', wal_writer_delay: '10s', autovacuum: 'off' },
  })
  await createBank(postgres.url)
  await using rowcast = await startRowcast(postgres.url)
  using page = await openPage(rowcast.url)
  const client = await postgres.connect()
  await client.query('checkpoint')
  await client.query(`insert into entry values ('kept', 1)`)
  await client.query(
    `begin; set local synchronous_commit = on; insert into quiet values (51, 'flushed'); commit`,
  )
  await client.query(`begin; insert into entry values ('lost', 1);
    update account set balance = balance - 500 where id = 1;
    update account set balance = balance + 500 where id = 2; commit`)
  await waitFor(() => expect(page.inserted).toEqual(['kept', 'lost']))
  await postgres.restart('immediate')
  // The transaction id of what was lost is given out again, to another change.
  await (await postgres.connect()).query(`insert into entry values ('after', 1)`)
  await waitFor(() => expect(page.epochs.size).toBe(2))
  await expectEqual([page], postgres.url)
  const entries = page.shown().entries.map(({ name }) => name)
  expect(entries).toEqual(['after', 'kept'])
})

test('while the database is away, pages say that they are catching up, keep what they have, and stay connected', async () => {
  await using postgres = await startOwnPostgres()
  await createBank(postgres.url)
  await using rowcast = await startRowcast(postgres.url)
  using page = await openPage(rowcast.url)
  await postgres.stop('fast')
  await waitFor(() => expect(page.connections.at(-1)).toBe('catching_up'))
  expect(page.shown().all).toHaveLength(20)
  expect(rowcast.rowcast.health().status).toBe('unavailable')
  await postgres.start()
  await (await postgres.connect()).query(`insert into entry values ('after', 1)`)
  await waitFor(() => expect(page.inserted).toEqual(['after']))
  await expectEqual([page], postgres.url)
  expect(page.connections).toEqual(['connecting', 'live', 'catching_up', 'live'])
  expect(page.gaps).toEqual([])
})
