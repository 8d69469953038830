import { expect, test, vi } from 'vitest'
import { ModelServer } from '../testing/model-server.ts'
import { Rig } from '../testing/rig.ts'
import type { Subscription } from '../../shared/subscription.ts'
import type { ChangeRecord } from './change-record.ts'
import { textOf } from './definition.ts'

const people: Subscription = { kind: 'table', relation: 'person' }
const joe = { id: 1, name: 'joe', score: 12 }
const ann = { id: 2, name: 'ann', score: 16 }
const bob = { id: 3, name: 'bob', score: 1 }

function live({
  servesAtOnce = false,
  server = new ModelServer(['public.person']),
  restore = false,
} = {}): Rig {
  const rig = new Rig(server, { restore })
  server.write('public.person', joe, ann)
  rig.follow(people).subscribe(() => undefined)
  rig.connect()
  rig.deliver()
  server.servesAtOnce = servesAtOnce
  return rig
}

function record(rig: Rig, subscription = people): { records: ChangeRecord[]; stop: () => void } {
  const records: ChangeRecord[] = []
  const stop = rig.subscriptions.record(textOf(subscription), subscription, (told) => records.push(...told))
  return { records, stop }
}

const shown = (rig: Rig): unknown => rig.follow(people).getSnapshot().data
const told = (records: readonly ChangeRecord[]): string[] =>
  records.map((record) => (record.op === 'gap' ? `gap: ${record.reason}` : `${record.op} ${record.key}`))

test('while it is behind, the page shows what it showed, and then all at once', () => {
  const rig = live()
  const before = rig.follow(people).getSnapshot()
  const { records } = record(rig)
  rig.connection?.startOver()
  rig.server.write('public.person', { ...joe, score: 13 }, bob)
  rig.server.delete('public.person', 2)
  rig.connection?.serve()
  const { commits } = rig
  while (rig.isWaiting) {
    expect(rig.follow(people).getSnapshot()).toBe(before)
    expect(records).toEqual([])
    rig.deliver(1)
  }
  expect(rig.commits).toBe(commits + 1)
  expect(shown(rig)).toEqual([{ ...joe, score: 13 }, bob])
  expect(told(records)).toEqual(['field_update [1]', 'row_insert [3]', 'row_delete [2]'])
})

test('what had come when the server begins to catch up once more is void, rows in chunks as well', () => {
  const rig = live()
  const ordered = rig.follow({ ...people, orderBy: [{ column: 'score', direction: 'desc' }] })
  rig.connection?.startOver()
  ordered.subscribe(() => undefined)
  rig.server.write('public.person', bob, { id: 4, name: 'eve', score: 99 })
  rig.connection?.serve(2) // and then starts over
  rig.server.delete('public.person', 1, 4)
  rig.connection?.serve()
  rig.deliver()
  expect(ordered.getSnapshot().data).toEqual([ann, bob])
  expect(shown(rig)).toEqual([ann, bob])
})

test('the parts of one transaction are one transaction, and a part that comes twice is told once', () => {
  const rig = live()
  const { records } = record(rig)
  rig.connection?.startOver()
  rig.server.transact((tables) => {
    for (let id = 10; id < 16; id++) tables.get('public.person')?.set(`[${id}]`, { id, name: 'x', score: 0 })
  })
  rig.connection?.serve(2)
  rig.double(2)
  rig.connection?.serve()
  rig.repeat(0)
  rig.repeat(1)
  rig.deliver()
  expect(new Set(records.map((record) => record.op !== 'gap' && record.transaction)).size).toBe(1)
  expect(told(records)).toEqual([10, 11, 12, 13, 14, 15].map((id) => `row_insert [${id}]`))
})

test('who wants the last changes only is told no more, whatever else is listened to', () => {
  const rig = live({ servesAtOnce: true })
  const last: ChangeRecord[] = []
  rig.subscriptions.record(textOf(people), people, (records) => last.push(...records), 2)
  rig.server.transact((tables) => {
    for (let id = 10; id < 20; id++) tables.get('public.person')?.set(`[${id}]`, { id, name: 'x', score: 0 })
  })
  rig.deliver()
  expect(told(last)).toEqual(['row_insert [18]', 'row_insert [19]'])
  const { records } = record(rig)
  rig.server.delete('public.person', 10, 11, 12)
  rig.deliver()
  expect(told(records)).toEqual(['row_delete [10]', 'row_delete [11]', 'row_delete [12]'])
  expect(told(last).slice(2)).toEqual(['row_delete [11]', 'row_delete [12]'])
})

test('what ends while catching up has ended, and does not come back with what was on its way', () => {
  const rig = live()
  const row = rig.follow({ kind: 'row', relation: 'person', key: [1] })
  rig.connection?.startOver()
  row.subscribe(() => undefined)
  rig.connection?.serve(1)
  const [, id = ''] = rig.connection?.followed.keys() ?? []
  rig.connection?.end(id)
  rig.connection?.serve()
  rig.deliver()
  expect(row.getSnapshot()).toMatchObject({ status: 'error', error: { code: 'permission_denied' } })
  expect(shown(rig)).toEqual([joe, ann])
})

test('that a position means nothing any more remains true when the server starts over', () => {
  const rig = live()
  const { records } = record(rig)
  rig.server.write('public.person', bob)
  rig.disconnect()
  rig.server.horizon = rig.server.now
  rig.connect()
  rig.connection?.serve(1) // the reset, and then it starts over
  rig.connection?.serve()
  rig.deliver()
  expect(shown(rig)).toEqual([joe, ann, bob])
  expect(told(records)).toEqual(['gap: position_expired'])
})

test('a server that knows less than the page shows is left for another', () => {
  const rig = live({ servesAtOnce: true })
  rig.server.write('public.person', bob)
  rig.deliver()
  const before = rig.follow(people).getSnapshot()
  const { position } = rig.sync
  rig.connect(1)
  rig.deliver()
  expect(rig.errors).toMatchObject([{ code: 'disconnected' }])
  expect(rig.connection).toBeUndefined()
  expect(rig.follow(people).getSnapshot()).toBe(before)
  expect(rig.sync.position).toBe(position)
  rig.server.delete('public.person', 1)
  rig.connect(1) // knows as much as the page now
  rig.deliver()
  expect(rig.connection?.isLive).toBe(true)
})

test('E-17 E-18 E-19 a page that is reloaded is told, in order and once, what its session had not acknowledged', () => {
  const first = live({ servesAtOnce: true })
  const { server } = first
  first.sync.acknowledge()
  server.write('public.person', bob) // arrives, but is not acknowledged
  first.deliver()
  first.disconnect()
  server.write('public.person', { ...joe, score: 13 })
  server.delete('public.person', 2)

  const reloaded = new Rig(server)
  reloaded.session = first.session
  reloaded.follow(people).subscribe(() => undefined)
  const { records } = record(reloaded)
  reloaded.connect()
  expect(reloaded.connection?.requests[0]).toMatchObject({ request: { subscriptions: [{ inbox: true }] } })
  reloaded.deliver(2)
  reloaded.connect() // and once more, in the middle of it
  reloaded.deliver()
  expect(told(records)).toEqual(['row_insert [3]', 'field_update [1]', 'row_delete [2]'])
  expect(records.map((record) => 'previous' in record && record.previous)).toEqual([
    false,
    undefined,
    undefined,
  ])
  expect(shown(reloaded)).toEqual([{ ...joe, score: 13 }, bob])

  reloaded.sync.acknowledge()
  const again = new Rig(server)
  again.session = first.session
  const { records: none } = record(again)
  again.connect()
  again.deliver()
  expect(none).toEqual([])
})

test('an inbox that the server cannot tell any more is a gap', () => {
  const first = live({ servesAtOnce: true })
  first.disconnect()
  first.server.write('public.person', bob)
  first.server.horizon = first.server.now
  const reloaded = new Rig(first.server)
  reloaded.session = first.session
  const { records } = record(reloaded)
  reloaded.connect()
  reloaded.deliver()
  expect(told(records)).toEqual(['gap: position_expired'])
})

test('where rows come in place of changes, as for a filtered table, the changes have a gap', () => {
  const rig = live({ servesAtOnce: true })
  const filtered: Subscription = { ...people, where: { column: 'score', op: 'gt', value: 5 } }
  const { records } = record(rig, filtered)
  rig.deliver()
  expect(records).toEqual([])
  rig.server.delete('public.person', 1)
  rig.deliver()
  rig.connect() // nothing has happened meanwhile
  rig.deliver()
  rig.disconnect()
  rig.server.delete('public.person', 2)
  rig.connect()
  rig.deliver()
  expect(told(records)).toEqual(['row_delete [1]', 'gap: refreshed'])
})

test('what has ended and is back has a gap', () => {
  const rig = live({ servesAtOnce: true })
  const { records } = record(rig)
  const [id = ''] = rig.connection?.followed.keys() ?? []
  rig.connection?.end(id)
  rig.deliver()
  rig.server.write('public.person', bob)
  rig.connect()
  rig.deliver()
  expect(told(records)).toEqual(['gap: refreshed'])
  expect(shown(rig)).toEqual([joe, ann, bob])
})

test('what a session followed elsewhere is followed here, and taken over by who uses it', () => {
  const first = live({ servesAtOnce: true })
  const row: Subscription = { kind: 'row', relation: 'person', key: [2] }
  first.follow(row).subscribe(() => undefined)
  first.deliver()
  const other = new Rig(first.server, { restore: true })
  other.session = first.session
  other.follow({ kind: 'row', relation: 'public.person', key: ['2'] }).subscribe(() => undefined)
  other.connect()
  other.deliver()
  expect(Array.from(other.subscriptions, ({ subscription }) => subscription.kind)).toEqual(['row', 'table'])
  other.subscriptions.clear()
  expect(shown(other)).toEqual([joe, ann])

  const listener = vi.fn()
  const stop = other.follow(people).subscribe(listener)
  first.server.write('public.person', bob)
  other.deliver()
  expect(listener).toHaveBeenCalledOnce()
  expect(other.connection?.requests.map(({ name }) => name)).toEqual(['attach'])
  stop()
  other.subscriptions.clear()
  expect([...(other.connection?.followed.values() ?? [])]).toMatchObject([{ kind: 'row' }])

  other.connect() // what is left since is not asked for again
  expect(other.connection?.requests[0]?.request).not.toHaveProperty('restore')
})

test('what is kept is taken over also by another name for it', () => {
  const server = new ModelServer(['public.person'])
  const first = new Rig(server)
  first.follow({ kind: 'row', relation: 'person', key: [2] }).subscribe(() => undefined)
  first.connect()
  first.deliver()
  const other = new Rig(server, { restore: true })
  other.session = first.session
  other.connect()
  other.deliver()
  const stop = other.follow({ kind: 'row', relation: 'person', key: ['2'] }).subscribe(() => undefined)
  other.deliver()
  expect([...other.subscriptions]).toHaveLength(1)
  stop()
  other.subscriptions.clear()
  other.deliver()
  expect(other.connection?.followed.size).toBe(0)
})
