import { expect, test } from 'vitest'
import type { Row } from '../shared/change.ts'
import { check } from './check.ts'
import { History, type Committed } from './history.ts'
import type { ClientRecord, Holding } from './records.ts'
import type { Sight, Sights } from './sights.ts'
import type { AuditTable } from './tables.ts'

const table: AuditTable = {
  relation: 'public.doc',
  columns: [
    { name: 'id', type: 'integer' },
    { name: 'note', type: 'text' },
  ],
  key: ['id'],
  partitions: [],
  isMembership: false,
}
const identities = ['one', 'other'].map((sub) => ({ role: 'reader', claims: { sub } }))
const all = { kind: 'table', relation: 'public.doc' } as const
const id = 'table:public.doc'
const graceMs = 1_000

function sightOf(rows: readonly Row[], columns = ['id', 'note']): Sight {
  return {
    columns: new Set(columns),
    rows: new Map(rows.map((row) => [JSON.stringify([row['id']]), row])),
    hasKey: columns.includes('id'),
  }
}

const sights = (...ofIdentities: Sight[]): Sights => ({ of: (identity) => ofIdentities[identity] ?? null })

/** The commit with number n has the id 100 + n, and happens at n seconds. */
function historyOf(...commits: (Partial<Committed> & { after: Sights })[]): History {
  return new History(
    commits.map((commit, n) => ({
      xid: BigInt(100 + n),
      what: `commit ${n}`,
      committingAt: n * 1_000,
      committedAt: n * 1_000,
      isUnlogged: false,
      during: [],
      ...commit,
    })),
  )
}

const positionOf = (commit: number): string => `1-1-epoch/${101 + commit}:${101 + commit}:`
const message = (name: string, body: unknown): string => `2${JSON.stringify([name, body])}`

/** A client that follows the table from commit 0 on. */
function begun(rows: readonly Row[]): ClientRecord[] {
  const request = { protocol: 2, subscriptions: [{ subscription: all }] }
  const answer = {
    ok: true,
    value: { subscriptions: [{ ok: true, value: { id, relation: 'public.doc' } }] },
  }
  const pairs = rows.map((row) => [JSON.stringify([row['id']]), row])
  const snapshot = { subscription: id, to: positionOf(0), shape: '1', rows: pairs, done: true }
  return [
    { at: 100, kind: 'opened', identity: 0 },
    { at: 100, kind: 'sent', text: `20${JSON.stringify(['attach', request])}` },
    { at: 100, kind: 'received', text: `30${JSON.stringify([answer])}` },
    { at: 100, kind: 'received', text: message('snapshot', snapshot) },
    { at: 100, kind: 'received', text: message('progress', { to: positionOf(0) }) },
    held(0, rows),
  ]
}

function batch(commit: number, ...changes: object[]): ClientRecord {
  const told = changes.map((change) => ({ relation: 'public.doc', for: [0], ...change }))
  const transactions = [{ id: String(100 + commit), at: '', changes: told }]
  const body = { to: positionOf(commit), subscriptions: [id, 'row:public.doc.2'], transactions }
  return { at: commit * 1_000 + 100, kind: 'received', text: message('batch', body) }
}

function held(commit: number, data: readonly Row[], at = commit * 1_000 + 100): ClientRecord {
  const holdings = [{ subscription: all, result: { status: 'ready', data } }] as const
  return { at, kind: 'held', position: positionOf(commit), holdings, isAtRest: false }
}

function kindsIn(history: History, ...records: ClientRecord[]): string[] {
  const { findings } = check([{ name: 'client', records }], { history, identities, tables: [table], graceMs })
  return findings.map(({ kind }) => kind)
}

const first = { id: 1, note: 'tk0001q' }
const second = { id: 2, note: 'tk0002q' }
const insert = { op: 'row_insert', key: '[2]', row: second }

test('a client that is sent and shows what its identity sees is beyond reproach', () => {
  const history = historyOf({ after: sights(sightOf([first])) }, { after: sights(sightOf([first, second])) })
  expect(kindsIn(history, ...begun([first]), batch(1, insert), held(1, [first, second]))).toEqual([])
})

test('a row is found that another may see, but not he who is sent it', () => {
  const after = sights(sightOf([first]), sightOf([first, second]))
  const history = historyOf({ after: sights(sightOf([first]), sightOf([first])) }, { after })
  expect(kindsIn(history, ...begun([first]), batch(1, insert), held(1, [first]))).toEqual(['unseen', 'text'])
})

test('a column is found that may not be selected', () => {
  const after = sights(sightOf([{ id: 1 }], ['id']))
  const history = historyOf({ after }, { after })
  const change = { op: 'field_update', key: '[1]', fields: { note: 'tk0003q' } }
  expect(kindsIn(history, ...begun([{ id: 1 }]), batch(1, change))).toEqual(['unseen', 'text'])
})

test('a value is found that the row held only while it could not be seen', () => {
  const [hidden, shown] = [
    { id: 1, note: 'tk0003q' },
    { id: 1, note: 'tk0004q' },
  ]
  const history = historyOf(
    { after: sights(sightOf([first])) },
    { after: sights(sightOf([])) },
    { after: sights(sightOf([shown])) },
  )
  const through = (row: Row): object => ({ op: 'field_update', key: '[1]', fields: { note: row['note'] } })
  expect(kindsIn(history, ...begun([first]), batch(2, through(shown)), held(2, [shown]))).toEqual([])
  expect(
    kindsIn(history, ...begun([first]), batch(2, through(hidden), through(shown)), held(2, [shown])),
  ).toEqual(['unseen', 'text'])
})

test('what could have been seen between two statements of a transaction may be told', () => {
  const [between, after] = [
    { id: 1, note: 'tk0003q' },
    { id: 1, note: 'tk0004q' },
  ]
  const history = historyOf(
    { after: sights(sightOf([first])) },
    { after: sights(sightOf([after])), during: [sights(sightOf([between]))] },
  )
  const told = [between, after].map(({ note }) => ({ op: 'field_update', key: '[1]', fields: { note } }))
  expect(kindsIn(history, ...begun([first]), batch(1, ...told), held(1, [after]))).toEqual([])
})

test.for([
  ['one that the client follows', [0]],
  ['one that it does not follow', [1]],
  ['one that the message does not name', [2]],
  ['none', []],
])('the delete of a foreign row is found, whichever subscription it is told for: %s', ([, of]) => {
  const history = historyOf({ after: sights(sightOf([first])) }, { after: sights(sightOf([first])) })
  const gone = { op: 'row_delete', key: '[2]', for: of }
  expect(kindsIn(history, ...begun([first]), batch(1, gone))).toEqual(['foreign_delete'])
})

test('rows of a subscription that the client does not have are found', () => {
  const history = historyOf({ after: sights(sightOf([])) })
  const snapshot = { subscription: 'column:public.doc.id', to: positionOf(0), shape: '1', done: true }
  const foreign: ClientRecord = {
    at: 200,
    kind: 'received',
    text: message('snapshot', { ...snapshot, rows: [['[2]', { id: 2 }]] }),
  }
  expect(kindsIn(history, ...begun([]), foreign)).toEqual(['unseen'])
})

test('text is found in an error message', () => {
  const history = historyOf({ after: sights(sightOf([first])) })
  const refusal = { ok: false, code: 'invalid_key', message: 'there is no tk0009q' }
  const answer: ClientRecord = { at: 200, kind: 'received', text: `31${JSON.stringify([refusal])}` }
  expect(kindsIn(history, ...begun([first]), answer)).toEqual(['text'])
})

test('a row that stays on the page after the right to it has gone is found, once there was time', () => {
  const history = historyOf(
    { after: sights(sightOf([first, second])) },
    { after: sights(sightOf([first])), isUnlogged: true },
  )
  const both = [first, second]
  expect(kindsIn(history, ...begun(both), held(1, both, 1_500))).toEqual([])
  expect(kindsIn(history, ...begun(both), held(1, both, 2_500))).toEqual(['shown'])
})

test('a table that may not be selected any more, and is shown, is found', () => {
  const history = historyOf({ after: sights(sightOf([first])) }, { after: sights(null) })
  expect(kindsIn(history, ...begun([first]), held(1, [], 1_500))).toEqual(['shown'])
})

test('a partition that is shown by itself is found, and that it is refused is right', () => {
  const history = historyOf({ after: sights(sightOf([first])) })
  const partition = { kind: 'table', relation: 'public.doc_0' } as const
  const heldOf = (result: Holding['result']): ClientRecord => ({
    ...{ at: 100, kind: 'held', position: positionOf(0), isAtRest: false },
    holdings: [{ subscription: partition, result }],
  })
  expect(kindsIn(history, ...begun([]), heldOf({ status: 'ready', data: [] }))).toContain('shown')
  const refusal = { status: 'error', code: 'not_tracked', since: 100 } as const
  expect(kindsIn(history, ...begun([first]), heldOf(refusal))).toEqual([])
})

test('what is lacking is told apart from what is too much', () => {
  const history = historyOf({ after: sights(sightOf([first])) }, { after: sights(sightOf([first, second])) })
  expect(kindsIn(history, ...begun([first]), held(1, [first]))).toEqual(['missing'])
})

test('what PostgreSQL allows is not to be refused', () => {
  const history = historyOf({ after: sights(sightOf([first])) }, { after: sights(null) })
  const refused = (since: number): ClientRecord => ({
    at: since + 100,
    kind: 'held',
    position: positionOf(0),
    holdings: [{ subscription: all, result: { status: 'error', code: 'permission_denied', since } }],
    isAtRest: false,
  })
  expect(kindsIn(history, ...begun([first]), refused(500))).toEqual(['refused'])
  expect(kindsIn(history, ...begun([first]), refused(1_500))).toEqual([])
})

test('who becomes another on an open connection is sent what either sees until all is read afresh', () => {
  const after = sights(sightOf([first]), sightOf([second]))
  const history = historyOf({ after }, { after })
  const fresh = { subscription: id, to: positionOf(1), shape: '1', rows: [['[2]', second]], done: true }
  const change = { op: 'field_update', key: '[1]', fields: { note: first.note } }
  const records: ClientRecord[] = [
    ...begun([first]),
    { at: 1_000, kind: 'renewing', identity: 1 },
    { at: 1_000, kind: 'sent', text: `27${JSON.stringify(['authenticate', { auth: {} }])}` },
    { at: 1_000, kind: 'received', text: `37${JSON.stringify([{ ok: true, value: {} }])}` },
    { at: 1_000, kind: 'received', text: message('snapshot', fresh) },
    { at: 1_000, kind: 'received', text: message('progress', { to: positionOf(1) }) },
    held(1, [second]),
  ]
  expect(kindsIn(history, ...records)).toEqual([])
  expect(kindsIn(history, ...records, batch(1, change))).toContain('unseen')
})

test('who becomes another, and is himself again at once, is sent what either sees until he is himself', () => {
  const after = sights(sightOf([first]), sightOf([second]))
  const history = historyOf({ after }, { after })
  const asked = (request: number, identity: number): ClientRecord[] => [
    { at: 1_000, kind: 'renewing', identity },
    { at: 1_000, kind: 'sent', text: `2${request}${JSON.stringify(['authenticate', { auth: {} }])}` },
  ]
  const accepted = (request: number): ClientRecord => ({
    ...{ at: 1_000, kind: 'received' },
    text: `3${request}${JSON.stringify([{ ok: true, value: {} }])}`,
  })
  const read = (row: Row): ClientRecord[] => {
    const rows = [[JSON.stringify([row['id']]), row]]
    const snapshot = { subscription: id, to: positionOf(1), shape: '1', rows, done: true }
    return [{ at: 1_000, kind: 'received', text: message('snapshot', snapshot) }]
  }
  const progress: ClientRecord = {
    at: 1_000,
    kind: 'received',
    text: message('progress', { to: positionOf(1) }),
  }
  const other = [...begun([first]), ...asked(7, 1), accepted(7), ...asked(8, 0), ...read(second), progress]
  expect(kindsIn(history, ...other, held(1, [second]))).toEqual([])
  const himself = [...other, accepted(8), ...read(first), progress, held(1, [first])]
  expect(kindsIn(history, ...himself)).toEqual([])
  expect(kindsIn(history, ...himself, ...read(second))).toEqual(['unseen', 'text'])
})
