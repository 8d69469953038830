import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyText, type Change, type Row } from './change.ts'
import { applyChange, diffTables, sameValue, type Rows, type TableState } from './diff.ts'

function person(...rows: { id: number; name: string; score: number }[]): TableState {
  return {
    relation: 'public.person',
    columns: ['id', 'name', 'score'],
    rows: new Map(rows.map((row) => [keyText([row.id]), row])),
  }
}

const before = person(
  { id: 1, name: 'joe', score: 12 },
  { id: 2, name: 'ann', score: 16 },
  { id: 3, name: 'bob', score: 5 },
  { id: 4, name: 'eve', score: 9 },
)
const after = person(
  { id: 1, name: 'joseph', score: 14 },
  { id: 2, name: 'ann', score: 16 },
  { id: 3, name: 'bob', score: 5 },
  { id: 5, name: 'kim', score: 0 },
)
const relation = 'public.person'
const changes: Change[] = [
  { op: 'row_delete', relation, key: '[4]' },
  { op: 'field_update', relation, key: '[1]', column: 'name', value: 'joseph' },
  { op: 'field_update', relation, key: '[1]', column: 'score', value: 14 },
  { op: 'row_insert', relation, key: '[5]', row: { id: 5, name: 'kim', score: 0 } },
]

test('E-1 two states of a table differ by row_insert, row_delete and field_update', () => {
  expect(diffTables(before, after)).toEqual(changes)
})

test('E-7 four operations applied in order to the four-row table give the after-table', () => {
  const rows: Rows = new Map(before.rows)
  for (const change of changes) applyChange(rows, change)
  expect(rows).toEqual(after.rows)
})

test('E-8 the diff of two identical states is empty', () => {
  expect(diffTables(before, person(...([...before.rows.values()] as never[])))).toEqual([])
})

test('E-8 a diff against a table of a different shape is refused, not guessed', () => {
  const refused = expect.objectContaining({ code: 'shape_changed' })
  expect(() => diffTables(before, { ...after, columns: ['id', 'name', 'age'] })).toThrow(refused)
  expect(() => diffTables(before, { ...after, columns: ['id', 'name'] })).toThrow(refused)
  expect(() => diffTables(before, { ...after, relation: 'public.player' })).toThrow(refused)
  expect(() => diffTables(before, { ...after, rows: new Map([['[1]', { id: 1, name: 'joe' }]]) })).toThrow(
    refused,
  )
})

test('E-1 an unknown operation is refused, never ignored', () => {
  expect(() => applyChange(new Map(), { op: 'row_upsert', relation, key: '[1]', row: {} } as never)).toThrow(
    expect.objectContaining({ code: 'invalid_message' }),
  )
})

test('an update of an unknown row is refused, and a changed row is replaced, never altered', () => {
  const row = { id: 1, name: 'joe', score: 12 }
  const rows: Rows = new Map([['[1]', row]])
  applyChange(rows, { op: 'field_update', relation, key: '[1]', column: 'score', value: 13 })
  expect(row.score).toBe(12)
  expect(rows.get('[1]')).toEqual({ ...row, score: 13 })
  expect(() =>
    applyChange(rows, { op: 'field_update', relation, key: '[9]', column: 'score', value: 1 }),
  ).toThrow(expect.objectContaining({ code: 'row_missing' }))
})

const names = ['id', 'constructor', '__proto__', 'Name with "quotes"']
const table = fc
  .dictionary(
    fc.constantFrom('1', '2', '3', 'constructor', '__proto__'),
    fc.tuple(...names.map(() => fc.jsonValue())),
  )
  .map((entries): TableState => ({
    relation,
    columns: names,
    rows: new Map(
      Object.entries(entries).map(([key, values]) => [
        key,
        Object.fromEntries(names.map((name, i) => [name, values[i]])) as Row,
      ]),
    ),
  }))

test('E-1 E-7 for any two states, the diff applied to the one gives the other', () => {
  fc.assert(
    fc.property(table, table, (from, to) => {
      const rows: Rows = new Map(from.rows)
      for (const change of diffTables(from, to)) applyChange(rows, change)
      expect(diffTables({ ...from, rows }, to)).toEqual([])
      expect(rows.size).toBe(to.rows.size)
    }),
  )
})

test('values are the same by content', () => {
  expect(sameValue({ a: [1, { b: null }] }, { a: [1, { b: null }] })).toBe(true)
  expect(sameValue([], {})).toBe(false)
  expect(sameValue({ a: 1 }, { b: 1 })).toBe(false)
  expect(sameValue([1, 2], [2, 1])).toBe(false)
  expect(sameValue('1', 1)).toBe(false)
})
