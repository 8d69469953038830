import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Subscription } from '../shared/subscription.ts'
import { startOnNewDatabase, startRowcast, type RowcastServer } from '../test/rowcast-server.ts'
import { TestSocket } from '../test/socket.ts'
import { TcpProxy } from '../test/tcp-proxy.ts'

const sql = `create table a (id int primary key, name text);
  insert into a select n, 'row ' || n from generate_series(1, 150) as n; select event.track('a')`
const all: Subscription = { kind: 'table', relation: 'a' }
const row = (id: number): Subscription => ({ kind: 'row', relation: 'a', key: [id] })

/** What a server says now: samples by their names and labels, as they are written. */
async function scrape({ rowcast }: RowcastServer): Promise<(sample: string) => number> {
  const lines = (await rowcast.metrics.metrics()).split('\n').filter((line) => /^\w/.test(line))
  const samples = new Map(lines.map((line) => [line.replace(/ \S+$/, ''), Number(line.replace(/^.* /, ''))]))
  return (sample) => samples.get(sample) ?? 0
}

/** Waits until a sample is what it should be. */
async function until(
  server: RowcastServer,
  sample: string,
  isRight: (value: number) => boolean,
): Promise<void> {
  for (let tries = 0; tries < 250; tries++) {
    if (isRight((await scrape(server))(sample))) return
    await sleep(20)
  }
  expect.fail(`${sample} is ${(await scrape(server))(sample)}`)
}

async function following(
  { url }: Pick<RowcastServer, 'url'>,
  ...subscriptions: Subscription[]
): Promise<TestSocket> {
  const socket = new TestSocket(url)
  const reply = await socket.attach({
    subscriptions: subscriptions.map((subscription) => ({ subscription })),
  })
  if (!reply.ok) throw new Error(reply.message)
  await socket.next('progress')
  return socket
}

test('the documented list is what a running server says, with labels and kinds', async () => {
  await using at = await startOnNewDatabase(sql)
  const said = (await at.server.rowcast.metrics.getMetricsAsJSON()).map(({ name, type }) => {
    const metric = at.server.rowcast.metrics.getSingleMetric(name) as unknown as { labelNames: string[] }
    const labels = metric.labelNames.filter((label) => label !== 'le')
    return `${name}${labels.length > 0 ? `{${labels.join()}}` : ''} ${String(type)}`
  })
  const text = await readFile(new URL('../docs/metrics.md', import.meta.url), 'utf8')
  const documented = [...text.matchAll(/^\| `(rowcast_\w+(?:\{\w+\})?)` +\| (counter|gauge|histogram) /gm)]
  expect(documented.map(([, name, type]) => `${name} ${type}`).toSorted()).toEqual(said.toSorted())
  const mentioned = [...text.matchAll(/rowcast_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''))
  const names = new Set(said.map((each) => each.replace(/[{ ].*/, '')))
  expect(mentioned.filter((name) => !names.has(name))).toEqual([])
})

test('a batch is counted once, and each socket and byte of it', async () => {
  await using at = await startOnNewDatabase(sql)
  await using first = await following(at.server, all)
  await using second = await following(at.server, all, row(1))
  const before = await scrape(at.server)
  await at.admin.query(
    `begin; update a set name = 'ü' where id <= 3; insert into a values (0, 'new'); commit`,
  )
  for (const socket of [first, second]) await socket.until((changes) => changes.length === 4)
  await until(at.server, 'rowcast_batches_total', (value) => value === before('rowcast_batches_total') + 1)
  const after = await scrape(at.server)
  const rise = (sample: string) => after(sample) - before(sample)

  expect(rise('rowcast_transactions_total')).toBe(1)
  expect(rise('rowcast_changes_total')).toBe(4)
  expect(rise('rowcast_deliveries_total{message="batch"}')).toBe(2)
  const batches = [first, second].flatMap(({ messages }) =>
    messages.flatMap(({ event, message }) =>
      event === 'batch' ? [Buffer.byteLength(JSON.stringify(message))] : [],
    ),
  )
  expect(rise('rowcast_sent_bytes_total{message="batch"}')).toBe(batches.reduce((sum, bytes) => sum + bytes))
  for (const histogram of ['rowcast_pass_seconds', 'rowcast_lag_seconds']) {
    expect(rise(`${histogram}_count`)).toBe(1)
    expect(rise(`${histogram}_sum`)).toBeGreaterThan(0)
  }
  expect(rise('rowcast_lag_seconds_sum')).toBeLessThan(60)
})

test('a change that nobody follows counts for nothing', async () => {
  await using at = await startOnNewDatabase(
    `${sql}; create table b (id int primary key); select event.track('b')`,
  )
  await using socket = await following(at.server, all)
  await at.admin.query('insert into b values (1)')
  await at.admin.query('insert into a values (0)')
  await until(at.server, 'rowcast_changes_total', (value) => value > 0)
  await socket.until((changes) => changes.length === 1)
  expect((await scrape(at.server))('rowcast_changes_total')).toBe(1)
})

test('who is there and what is followed is said, and no more of who has gone', async () => {
  await using at = await startOnNewDatabase(sql)
  const first = await following(at.server, all, row(1))
  await using second = await following(at.server, all)
  const here = await scrape(at.server)
  expect(
    ['connections', 'sessions', 'subscriptions', 'feeds', 'relations'].map((what) => here(`rowcast_${what}`)),
  ).toEqual([2, 2, 3, 2, 1])
  expect(here('rowcast_reader_connected')).toBe(1)
  expect(here('rowcast_pool_connections{pool="sessions"}')).toBeGreaterThan(0)
  first.socket.disconnect()
  await until(at.server, 'rowcast_connections', (value) => value === 1)
  const left = await scrape(at.server)
  expect(['sessions', 'subscriptions', 'feeds', 'relations'].map((what) => left(`rowcast_${what}`))).toEqual([
    1, 1, 1, 1,
  ])
  expect(second.socket.connected).toBe(true)
})

test('snapshots, their rows and the messages that carry them are counted', async () => {
  await using at = await startOnNewDatabase(sql)
  await using socket = await following(at.server, all, row(1))
  await until(at.server, 'rowcast_snapshot_seconds_count', (value) => value === 2)
  const after = await scrape(at.server)
  expect(after('rowcast_snapshot_rows_total')).toBe(151)
  expect(socket.messages.filter(({ event }) => event === 'snapshot').length).toBe(
    after('rowcast_deliveries_total{message="snapshot"}'),
  )
  expect(after('rowcast_sent_bytes_total{message="snapshot"}')).toBeGreaterThan(151 * 10)
  expect(after('rowcast_snapshot_failures_total')).toBe(0)
})

test('what is too much at once is set aside, and its followers fall behind and come back', async () => {
  await using at = await startOnNewDatabase(sql, { readAtOnce: { maxRows: 10, maxBytes: 1_000_000 } })
  await using socket = await following(at.server, all)
  await at.admin.query(`update a set name = 'x'`)
  await socket.until((changes) => changes.length === 150)
  const after = await scrape(at.server)
  expect(after('rowcast_relations_set_aside_total')).toBe(1)
  expect(after('rowcast_fallen_behind_total')).toBe(1)
  await until(at.server, 'rowcast_connections_waiting', (value) => value === 0)
  await until(at.server, 'rowcast_connections_behind', (value) => value === 0)
})

test('what waits for a client that takes nothing off is seen', async () => {
  const wide = `create table a (id int primary key, name text); select event.track('a')`
  await using at = await startOnNewDatabase(wide, { maxBufferedBytes: 100_000 })
  await using proxy = await TcpProxy.start({ port: at.server.port })
  await using socket = await following({ url: `http://127.0.0.1:${proxy.port}` }, all)
  proxy.setMode('half-open')
  for (let id = 0; id < 120; id++)
    await at.admin.query('insert into a values ($1, $2)', [id, 'x'.repeat(200_000)])
  await until(at.server, 'rowcast_connections_behind', (value) => value === 1)
  expect((await scrape(at.server))('rowcast_buffered_characters')).toBeGreaterThan(100_000)
  proxy.setMode('open')
  await socket.until((changes) => changes.length === 120)
  await until(at.server, 'rowcast_connections_behind', (value) => value === 0)
})

test('the reader says that it sleeps, and how old is what it has handed on; and that a pass has failed', async () => {
  await using at = await startOnNewDatabase(sql)
  await using socket = await following(at.server, all)
  await until(at.server, 'rowcast_reader_has_bell', (value) => value === 1)
  expect((await scrape(at.server))('rowcast_reader_behind_seconds')).toBeLessThan(30)
  await at.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  )
  await until(at.server, 'rowcast_pass_failures_total', (value) => value >= 1)
  await until(at.server, 'rowcast_reader_connected', (value) => value === 1)
  await at.admin.query('insert into a values (0)')
  await socket.until((changes) => changes.length === 1)
})

test('the size of the change log is known', async () => {
  await using at = await startOnNewDatabase(sql)
  await until(at.server, 'rowcast_log_parts', (value) => value === 1)
  await until(at.server, 'rowcast_log_bytes', (value) => value > 0)
})

test('the longest block of the event loop is said once, and begins anew', async () => {
  await using at = await startOnNewDatabase(sql)
  const longest = 'rowcast_event_loop_blocked_seconds{quantile="1"}'
  await scrape(at.server)
  await sleep(50) // it looks every few milliseconds: there is one look before, and one after
  const startedAt = performance.now()
  while (performance.now() - startedAt < 300);
  await sleep(50)
  await until(at.server, longest, (value) => value > 0.25)
  await until(at.server, longest, (value) => value < 0.25) // others use the machine as well
})

test('several servers in one process count each for itself', async () => {
  await using at = await startOnNewDatabase(sql)
  await using other = await startRowcast(at.database)
  await using socket = await following(other, all)
  expect(socket.socket.connected).toBe(true)
  expect((await scrape(other))('rowcast_connections')).toBe(1)
  expect((await scrape(at.server))('rowcast_connections')).toBe(0)
})
