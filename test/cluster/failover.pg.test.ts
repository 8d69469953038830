import { expect, test } from 'vitest'
import { startOwnPostgres } from '../own-postgres.ts'
import { startRowcast } from '../rowcast-server.ts'
import { TcpProxy } from '../tcp-proxy.ts'
import { createBank, expectEqual, openPage, startWriter, tellFigure, waitFor } from './bank.ts'

test('C-48 a standby that has everything takes over at the same address: pages go on with fresh rows', async () => {
  await using primary = await startOwnPostgres()
  await createBank(primary.url)
  const standby = await primary.standby()
  const { proxy, url } = await TcpProxy.before(primary.url)
  await using _ = proxy
  await using rowcast = await startRowcast(url)
  using one = await openPage(rowcast.url)
  using two = await openPage(rowcast.url)
  const writer = startWriter(url)
  await writer.more(50)
  const quiet = one.quiet()
  await primary.stop('fast') // which sends the standby everything first
  proxy.pointTo(standby)
  await standby.promote()
  await writer.more(50)
  await writer.stop()
  await waitFor(() => expect(one.epochs.size).toBe(2))
  await expectEqual([one, two], standby.url)
  expect(quiet.size).toBe(50)
  for (const [id, row] of one.quiet()) expect(row).toBe(quiet.get(id))
})

test('C-48 a standby that lagged takes over: what it never had is shown no more', async () => {
  await using primary = await startOwnPostgres()
  await createBank(primary.url)
  const standby = await primary.standby()
  const { proxy, url } = await TcpProxy.before(primary.url)
  await using _ = proxy
  await using rowcast = await startRowcast(url)
  using one = await openPage(rowcast.url)
  using two = await openPage(rowcast.url)
  const writer = startWriter(url)
  await writer.more(50)
  await standby.caughtUp()
  await standby.stopReceiving()
  const reached = writer.confirmed.length
  await writer.more(50)
  const lost = writer.confirmed.slice(reached + 1)
  await waitFor(() => expect(one.inserted).toEqual(expect.arrayContaining(lost)))
  await primary.kill9()
  proxy.pointTo(standby)
  await standby.promote()
  await writer.more(50)
  await writer.stop()
  await waitFor(() => expect(one.epochs.size).toBe(2))
  await expectEqual([one, two], standby.url)
  const { entries } = one.shown()
  expect(entries.filter(({ name }) => lost.includes(String(name)))).toEqual([])
})

test('C-48 a server that is started anew for the promoted standby takes the pages over', async () => {
  await using primary = await startOwnPostgres()
  await createBank(primary.url)
  const standby = await primary.standby()
  const first = await startRowcast(primary.url)
  using page = await openPage(first.url)
  const writer = startWriter(primary.url)
  await writer.more(50)
  await writer.stop()
  await standby.caughtUp()
  await primary.kill9()
  await first[Symbol.asyncDispose]()
  await standby.promote()
  await using second = await startRowcast(standby.url, { port: first.port })
  expect(second.url).toBe(first.url)
  await (await standby.connect()).query(`insert into entry values ('after', 1)`)
  await expectEqual([page], standby.url)
  expect(page.epochs.size).toBe(2)
})

test('C-47 a standby is refused as the database of a server, in words that say what to do', async () => {
  await using primary = await startOwnPostgres()
  await createBank(primary.url)
  const standby = await primary.standby()
  await expect(startRowcast(standby.url)).rejects.toThrow(/read-only.*primary/)
})

test('C-47 while its address leads to a standby a server waits, and says so; once promoted it goes on', async () => {
  await using primary = await startOwnPostgres()
  await createBank(primary.url)
  const standby = await primary.standby()
  const { proxy, url } = await TcpProxy.before(primary.url)
  await using _ = proxy
  await using server = await startRowcast(url)
  using page = await openPage(server.url)
  const writer = startWriter(url)
  await writer.more(20)
  await primary.stop('fast')
  proxy.pointTo(standby)
  await waitFor(() => expect(server.rowcast.health().status).toBe('unavailable'))
  await (await standby.connect()).query('select count(*) from entry')
  await standby.promote()
  await writer.more(20)
  await writer.stop()
  await waitFor(() => expect(server.rowcast.health().status).toBe('ok'))
  await waitFor(() => expect(page.epochs.size).toBe(2))
  await expectEqual([page], standby.url)
})

test(
  'C-48 a primary that has gone silent is left for the standby at its address',
  { timeout: 120_000 },
  async () => {
    await using primary = await startOwnPostgres()
    await createBank(primary.url)
    const standby = await primary.standby()
    const { proxy, url } = await TcpProxy.before(primary.url)
    await using _ = proxy
    await using server = await startRowcast(url)
    using page = await openPage(server.url)
    await standby.caughtUp()
    proxy.strand() // no end, no reset: as when a machine has lost its power
    proxy.pointTo(standby)
    await standby.promote()
    const promotedAt = performance.now()
    const writer = startWriter(url)
    await writer.more(20)
    await waitFor(() => expect(page.epochs.size).toBe(2))
    tellFigure(`left the silent primary after ${Math.round(performance.now() - promotedAt)} ms`)
    await writer.stop()
    await expectEqual([page], standby.url)
  },
)
