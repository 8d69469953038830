import { expect, test, vi } from 'vitest'
import { positionOf } from '../testing/model-server.ts'
import { Rig } from '../testing/rig.ts'
import type { Subscription } from '../../shared/subscription.ts'

const people: Subscription = { kind: 'table', relation: 'person' }
const joe = { id: 1, name: 'joe', score: 12 }
const ann = { id: 2, name: 'ann', score: 16 }

function rigWithPeople(): Rig {
  const rig = new Rig()
  rig.server.write('public.person', joe, ann)
  return rig
}

function live(rig: Rig): void {
  rig.connect()
  rig.deliver()
}

test('loading, empty and ready are three answers', () => {
  const rig = rigWithPeople()
  const [all, none] = [rig.follow(people), rig.follow({ kind: 'row', relation: 'person', key: [9] })]
  all.subscribe(() => undefined)
  none.subscribe(() => undefined)
  expect(all.getSnapshot()).toEqual({ status: 'loading' })
  live(rig)
  expect(all.getSnapshot()).toEqual({ status: 'ready', data: [joe, ann] })
  expect(none.getSnapshot()).toEqual({ status: 'ready', data: null })
})

test('everything up to the first progress becomes visible in one commit', () => {
  const rig = rigWithPeople()
  const [all, one] = [rig.follow(people), rig.follow({ kind: 'row', relation: 'person', key: [1] })]
  all.subscribe(() => undefined)
  one.subscribe(() => undefined)
  rig.connect()
  while (rig.isWaiting) {
    expect(all.getSnapshot().status).toBe('loading')
    expect(one.getSnapshot().status).toBe('loading')
    rig.deliver(1)
  }
  expect(one.getSnapshot().data).toBe((all.getSnapshot().data as unknown[])[0])
  expect(rig.lives).toBe(1)
})

test('a batch of several transactions is one commit, and each listener is told once', () => {
  const rig = rigWithPeople()
  const listener = vi.fn()
  rig.follow(people).subscribe(listener)
  live(rig)
  listener.mockClear()
  const commits = rig.commits
  rig.server.transact(
    (tables) => tables.get('public.person')?.set('[1]', { ...joe, score: 13 }),
    (tables) => tables.get('public.person')?.set('[2]', { ...ann, score: 17 }),
  )
  rig.deliver()
  expect(listener).toHaveBeenCalledTimes(1)
  expect(rig.commits).toBe(commits + 1)
})

test('a listener is told only of what it listens to', () => {
  const rig = rigWithPeople()
  const listeners = {
    joe: vi.fn(),
    ann: vi.fn(),
    joesName: vi.fn(),
    joesScore: vi.fn(),
    names: vi.fn(),
    scores: vi.fn(),
  }
  const row = (id: number): Subscription => ({ kind: 'row', relation: 'person', key: [id] })
  const field = (column: string): Subscription => ({ kind: 'field', relation: 'person', key: [1], column })
  const column = (name: string): Subscription => ({ kind: 'column', relation: 'person', column: name })
  rig.follow(row(1)).subscribe(listeners.joe)
  rig.follow(row(2)).subscribe(listeners.ann)
  rig.follow(field('name')).subscribe(listeners.joesName)
  rig.follow(field('score')).subscribe(listeners.joesScore)
  rig.follow(column('name')).subscribe(listeners.names)
  rig.follow(column('score')).subscribe(listeners.scores)
  live(rig)
  for (const listener of Object.values(listeners)) listener.mockClear()
  rig.server.write('public.person', { ...joe, score: 13 })
  rig.deliver()
  const told = Object.entries(listeners).filter(([, listener]) => listener.mock.calls.length > 0)
  expect(told.map(([name]) => name)).toEqual(['joe', 'joesScore', 'scores'])
})

test('E-64 a batch that comes twice, or again after a reconnect, changes nothing', () => {
  const rig = rigWithPeople()
  const [all, changes] = [rig.follow(people), vi.fn()]
  all.subscribe(changes)
  live(rig)
  const batch = {
    name: 'batch' as const,
    to: positionOf(9),
    subscriptions: [...(rig.connection?.followed.keys() ?? [])],
    transactions: [
      {
        id: '1',
        at: '',
        changes: [
          { op: 'row_insert' as const, relation: 'public.person', key: '[3]', row: { id: 3 }, for: [0] },
          { op: 'row_delete' as const, relation: 'public.person', key: '[1]', for: [0] },
        ],
      },
      {
        id: '2',
        at: '',
        changes: [{ op: 'row_delete' as const, relation: 'public.person', key: '[3]', for: [0] }],
      },
    ],
  }
  rig.send(batch)
  rig.deliver()
  const once = all.getSnapshot()
  changes.mockClear()
  rig.send(batch)
  rig.deliver()
  expect(all.getSnapshot()).toBe(once)
  expect(changes).not.toHaveBeenCalled()
})

test('E-65 after a reconnect, what was missed is applied and nothing flashes', () => {
  const rig = rigWithPeople()
  const [plain, ordered] = [
    rig.follow<object[]>(people),
    rig.follow<object[]>({ ...people, orderBy: [{ column: 'name', direction: 'asc' }] }),
  ]
  const statuses = new Set<string>()
  plain.subscribe(() => statuses.add(plain.getSnapshot().status))
  ordered.subscribe(() => statuses.add(ordered.getSnapshot().status))
  live(rig)
  statuses.clear()
  const before = plain.getSnapshot().data
  rig.disconnect()
  rig.server.write('public.person', { id: 3, name: 'bob', score: 1 })
  rig.connect()
  rig.deliver()
  expect(plain.getSnapshot().data).toHaveLength(3)
  expect(plain.getSnapshot().data?.[0]).toBe(before?.[0])
  expect(ordered.getSnapshot().data).toMatchObject([{ name: 'ann' }, { name: 'bob' }, { name: 'joe' }])
  expect(ordered.getSnapshot().data?.[0]).toBe(before?.[1])
  expect([...statuses]).toEqual(['ready'])
  expect(rig.connection?.requests[0]).toMatchObject({
    request: { position: positionOf(1), subscriptions: [{ held: 'shape' }, { held: 'shape' }] },
  })
})

test('E-65 a reconnect that missed nothing renders nothing', () => {
  const rig = rigWithPeople()
  const ordered = rig.follow({ ...people, orderBy: [{ column: 'name', direction: 'asc' }] })
  ordered.subscribe(() => undefined)
  live(rig)
  const before = ordered.getSnapshot()
  live(rig)
  expect(ordered.getSnapshot()).toBe(before)
})

test('E-65 beyond what the server keeps, a reset brings a fresh snapshot in one commit', () => {
  const rig = rigWithPeople()
  const all = rig.follow<object[]>(people)
  all.subscribe(() => undefined)
  live(rig)
  const before = all.getSnapshot().data
  rig.server.delete('public.person', 2)
  rig.deliver(0)
  rig.connection?.reset()
  while (rig.isWaiting) {
    expect(all.getSnapshot().status).toBe('ready')
    rig.deliver(1)
  }
  expect(all.getSnapshot().data).toEqual([joe])
  expect(all.getSnapshot().data?.[0]).toBe(before?.[0])
})

test('a snapshot that breaks off with the connection leaves nothing behind', () => {
  const rig = rigWithPeople()
  rig.server.write('public.person', { id: 3, name: 'bob', score: 1 })
  const all = rig.follow(people)
  live(rig)
  all.subscribe(() => undefined)
  rig.deliver(2) // the answer and the first of two chunks
  live(rig)
  expect(all.getSnapshot().data).toHaveLength(3)
})

test('two names of one subscription share what is held, and the last to go leaves it', () => {
  const rig = rigWithPeople()
  const [short, long] = [rig.follow(people), rig.follow({ kind: 'table', relation: 'public.person' })]
  const stopShort = short.subscribe(() => undefined)
  live(rig)
  const stopLong = long.subscribe(() => undefined)
  rig.deliver()
  expect(long.getSnapshot()).toBe(short.getSnapshot())
  const left = (): unknown[] => rig.connection?.requests.filter(({ name }) => name === 'unsubscribe') ?? []
  stopShort()
  rig.subscriptions.clear()
  expect(left()).toEqual([])
  expect(long.getSnapshot().data).toEqual([joe, ann])
  stopLong()
  rig.subscriptions.clear()
  expect(left()).toHaveLength(1)
  expect(rig.relations.get('public.person')?.size).toBe(0)
})

test('a subscription is not left while an answer may still name it', () => {
  const rig = rigWithPeople()
  const stop = rig.follow(people).subscribe(() => undefined)
  live(rig)
  const long = rig.follow({ kind: 'table', relation: 'public.person' })
  long.subscribe(() => undefined)
  stop()
  rig.subscriptions.clear()
  rig.deliver()
  expect(rig.connection?.followed.size).toBe(1)
  expect(long.getSnapshot().data).toEqual([joe, ann])
})

test('E-67 the last user of a subscription to go unsubscribes, after the grace time', async () => {
  const rig = new Rig(undefined, { graceMs: 20 })
  const all = rig.follow(people)
  const stops = [all.subscribe(() => undefined), all.subscribe(() => undefined)]
  live(rig)
  for (const stop of stops) stop()
  expect(rig.connection?.followed.size).toBe(1)
  const stop = all.subscribe(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 40))
  expect(rig.connection?.requests.map(({ name }) => name)).toEqual(['attach', 'ack'])
  stop()
  stop() // once counts
  await new Promise((resolve) => setTimeout(resolve, 40))
  expect(rig.connection?.followed.size).toBe(0)
  expect(all.getSnapshot()).toEqual({ status: 'loading' })
})

test('a subscription that the server refuses is an error, and is asked for again with the next connection', () => {
  const rig = new Rig()
  const none = rig.follow({ kind: 'table', relation: 'nothing' })
  const listener = vi.fn()
  none.subscribe(listener)
  live(rig)
  expect(none.getSnapshot()).toMatchObject({ status: 'error', error: { code: 'relation_not_found' } })
  expect(listener).toHaveBeenCalled()
  live(rig)
  expect(rig.connection?.requests[0]).not.toHaveProperty('request.subscriptions.0.held')
})

test('what the server has no time for goes on loading, and is asked for again until it has', async () => {
  const rig = rigWithPeople()
  live(rig)
  const { connection } = rig
  if (!connection) throw new Error('not connected')
  const subscribe = connection.subscribe.bind(connection)
  let asked = 0
  connection.subscribe = (request, reply) => {
    asked++
    if (asked > 3) subscribe(request, reply)
    else reply({ ok: false, code: 'too_fast', message: 'try again' })
  }
  const [all, left] = [rig.follow(people), rig.follow({ kind: 'row', relation: 'person', key: [1] })]
  all.subscribe(() => undefined)
  rig.deliver()
  expect(all.getSnapshot()).toEqual({ status: 'loading' })
  left.subscribe(() => undefined)()
  await vi.waitFor(() => {
    rig.deliver()
    expect(all.getSnapshot()).toEqual({ status: 'ready', data: [joe, ann] })
  })
  expect(rig.errors).toEqual([])
})

test('a subscription that the server ends is an error', () => {
  const rig = rigWithPeople()
  const all = rig.follow(people)
  all.subscribe(() => undefined)
  live(rig)
  const [id] = rig.connection?.followed.keys() ?? []
  rig.send({ name: 'ended', subscription: id ?? '', code: 'permission_denied', message: 'no more' })
  rig.deliver()
  expect(all.getSnapshot()).toMatchObject({ status: 'error', error: { code: 'permission_denied' } })
  expect(rig.relations.get('public.person')?.size).toBe(0)
})

test('a change that cannot be applied is reported, and its subscription is read afresh', () => {
  const rig = rigWithPeople()
  const all = rig.follow(people)
  all.subscribe(() => undefined)
  live(rig)
  rig.server.transact(() => undefined)
  rig.send({
    name: 'batch',
    to: positionOf(rig.server.now),
    subscriptions: [...(rig.connection?.followed.keys() ?? [])],
    transactions: [
      {
        id: '1',
        at: '',
        changes: [
          { op: 'field_update', relation: 'public.person', key: '[7]', fields: { score: 1 }, for: [0] },
          { op: 'row_delete', relation: 'public.person', key: '[1]', for: [0] },
        ],
      },
    ],
  })
  rig.deliver(1)
  expect(rig.errors).toMatchObject([{ code: 'row_missing' }])
  expect(all.getSnapshot()).toEqual({ status: 'ready', data: [joe, ann] })
  expect(rig.connection?.requests.slice(-2).map(({ name }) => name)).toEqual(['unsubscribe', 'subscribe'])
  rig.deliver()
  expect(all.getSnapshot()).toEqual({ status: 'ready', data: [joe, ann] })
  rig.server.delete('public.person', 1)
  rig.deliver()
  expect(all.getSnapshot()).toEqual({ status: 'ready', data: [ann] })
})

test('a server that goes on sending what cannot be applied is not asked in a circle', () => {
  const rig = new Rig(undefined, { resyncIntervalMs: 60_000 })
  rig.follow(people).subscribe(() => undefined)
  live(rig)
  for (let n = 0; n < 4; n++) {
    rig.server.transact(() => undefined)
    rig.send({
      name: 'batch',
      to: positionOf(rig.server.now),
      subscriptions: [...(rig.connection?.followed.keys() ?? [])],
      transactions: [
        {
          id: '1',
          at: '',
          changes: [{ op: 'field_update', relation: 'public.person', key: '[7]', fields: {}, for: [0] }],
        },
      ],
    })
    rig.deliver()
  }
  expect(rig.connection?.requests.filter(({ name }) => name === 'subscribe')).toHaveLength(1)
})

test('changes of a subscription that has just been left are ignored', () => {
  const rig = rigWithPeople()
  live(rig)
  rig.send({
    name: 'batch',
    to: positionOf(5),
    subscriptions: ['gone'],
    transactions: [
      {
        id: '1',
        at: '',
        changes: [{ op: 'row_insert', relation: 'public.person', key: '[7]', row: { id: 7 }, for: [0] }],
      },
    ],
  })
  rig.deliver()
  expect(rig.relations.get('public.person')).toBeUndefined()
  expect(rig.sync.position).toBe(positionOf(5))
})

test('with another session, nothing that the former one held is continued', () => {
  const rig = rigWithPeople()
  rig.follow(people).subscribe(() => undefined)
  live(rig)
  rig.session = undefined
  rig.connect()
  const request = rig.connection?.requests[0]?.request
  expect(request).not.toHaveProperty('subscriptions.0.held')
  expect(request).not.toHaveProperty('position')
})

test('chunks of a snapshot that was left and asked for again are not mixed with the new ones', () => {
  const rig = rigWithPeople()
  rig.server.write('public.person', { id: 3, name: 'bob', score: 1 })
  live(rig)
  const all = rig.follow(people)
  const stop = all.subscribe(() => undefined)
  rig.deliver(2) // the answer and the first of two chunks
  stop()
  rig.subscriptions.clear()
  all.subscribe(() => undefined)
  rig.server.delete('public.person', 1)
  rig.deliver()
  expect(all.getSnapshot().data).toMatchObject([{ name: 'ann' }, { name: 'bob' }])
})

test('a second name that is answered between two chunks of a snapshot does not tear it', () => {
  const rig = rigWithPeople()
  const later: (() => void)[] = []
  const value = { id: 'table:public.person', relation: 'public.person' }
  rig.sync.attach(
    {
      attach: (_, reply) =>
        reply({
          ok: true,
          value: {
            session: { id: 's', token: 't' },
            resumed: false,
            subscriptions: [{ ok: true, value }],
            restored: [],
          },
        }),
      subscribe: (_, reply) => later.push(() => reply({ ok: true, value })),
      unsubscribe: () => undefined,
      acknowledge: () => undefined,
    },
    undefined,
    () => undefined,
  )
  const short = rig.follow(people)
  short.subscribe(() => undefined)
  later.shift()?.()
  const to = positionOf(1)
  const chunk = { name: 'snapshot', subscription: value.id, to, shape: 's' } as const
  rig.sync.receive({ ...chunk, rows: [['[1]', joe]], done: false })
  rig.follow({ kind: 'table', relation: 'public."person"' }).subscribe(() => undefined)
  later.shift()?.()
  rig.sync.receive({ ...chunk, rows: [['[2]', ann]], done: true })
  rig.sync.receive({ name: 'progress', to })
  expect(short.getSnapshot().data).toEqual([joe, ann])
})
