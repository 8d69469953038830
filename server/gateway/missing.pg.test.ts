import { expect, test, vi } from 'vitest'
import type { Subscription } from '../../shared/subscription.ts'
import { startOnNewDatabase, type RowcastServer } from '../../test/rowcast-server.ts'
import { TestSocket } from '../../test/socket.ts'

const rows = `create table a (id int primary key, x int); insert into a select n, 0 from generate_series(1, 40) as n; select event.track('a')`

const row = (id: number): Subscription => ({ kind: 'row', relation: 'a', key: [id] })

async function attached(server: RowcastServer, id = 1) {
  const socket = new TestSocket(server.url)
  const reply = await socket.attach({ subscriptions: [{ subscription: row(id) }] })
  if (!reply.ok) throw new Error(reply.message)
  const { shape } = await socket.next('snapshot')
  const { to } = await socket.next('progress')
  return Object.assign(socket, { session: reply.value.session, shape, to })
}

/** A position at which so many transactions were running. */
function running(epoch: string, first: number, count: number): string {
  const ids = Array.from({ length: count }, (_, i) => first + i)
  return `${epoch}/${first}:${first + count}:${ids.join(',')}`
}

/** How many transaction ids the server, which runs in this process, reads while something is done. */
async function idsRead(work: () => Promise<void>): Promise<number> {
  const spy = vi.spyOn(globalThis, 'BigInt')
  try {
    await work()
    return spy.mock.calls.length
  } finally {
    spy.mockRestore()
  }
}

test('a position is read but a few times, however much is held there', async () => {
  await using at = await startOnNewDatabase(rows)
  await using first = await attached(at.server)
  const [epoch = '', snapshot = ''] = first.to.split('/')
  const count = 500
  const position = running(epoch, Number(snapshot.split(':')[1]) + 1_000_000, count)
  await using again = new TestSocket(at.server.url)
  const subscriptions = Array.from({ length: 200 }, () => ({ subscription: row(1), held: first.shape }))
  const read = await idsRead(async () => {
    expect(await again.attach({ position, subscriptions })).toMatchObject({ ok: true })
    await again.next('progress')
  })
  expect(again.messages.map(({ event }) => event)).toEqual(['progress']) // it went on from there
  expect(read).toBeLessThan(10 * count)
})

test('what a session has acknowledged is read but a few times, however much of its inbox is wanted', async () => {
  await using at = await startOnNewDatabase(rows)
  await using first = await attached(at.server)
  const [epoch = '', snapshot = ''] = first.to.split('/')
  const start = Number(snapshot.split(':')[1])
  const count = 500
  const ids = Array.from({ length: 40 }, (_, i) => i + 1)
  for (const id of ids) {
    await at.admin.query('update a set x = 1 where id = $1', [id]) // before it is followed
    await first.subscribe(row(id))
  }
  await at.admin.query(
    `do $$ begin for i in 1..${count} loop perform pg_current_xact_id(); commit; end loop; end $$`,
  )
  await first.request('ack', { position: running(epoch, start, count) })
  first.socket.disconnect()
  await at.admin.query('delete from a where id <= 40')
  await using again = new TestSocket(at.server.url)
  const subscriptions = ids.map((id) => ({ subscription: row(id), inbox: true }))
  const read = await idsRead(async () => {
    expect(await again.attach({ session: first.session, subscriptions })).toMatchObject({ ok: true })
    await again.next('progress')
  })
  expect(again.changes.map(({ op }) => op)).toEqual(['field_update', ...ids.map(() => 'row_delete')])
  expect(read).toBeLessThan(10 * count)
})
