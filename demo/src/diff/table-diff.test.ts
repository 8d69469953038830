import { expect, test } from 'vitest'
import { countStates, diffTable, type DiffRow } from './table-diff.ts'

const columns = ['id', 'name', 'score']
const before = [
  { id: 1, name: 'a', score: 1 },
  { id: 2, name: 'b', score: 2 },
  { id: 3, name: 'c', score: 3 },
]
const diff = (after: readonly Record<string, unknown>[]) => diffTable(before, after, ['id'], columns)
const outline = (rows: readonly DiffRow[]) =>
  rows.map(({ state, cells }) => `${state} ${String(cells[0]?.value)}`)

test('E-8 the diff of two identical states marks nothing', () => {
  expect(countStates(diff(before))).toEqual({ same: 3, inserted: 0, deleted: 0, changed: 0 })
})

test('E-9 one table shows inserted rows, deleted rows in their old place, and changed cells with old and new', () => {
  const rows = diff([
    { id: 1, name: 'a', score: 10 },
    { id: 3, name: 'c', score: 3 },
    { id: 4, name: 'd', score: null },
  ])
  expect(outline(rows)).toEqual(['changed 1', 'deleted 2', 'same 3', 'inserted 4'])
  expect(rows[0]?.cells[2]).toEqual({ column: 'score', value: 10, old: 1, isChanged: true })
  expect(countStates(rows)).toEqual({ same: 1, inserted: 1, deleted: 1, changed: 1 })
})

test('rows deleted from the front stay at the front, and a truncated table is all deleted', () => {
  expect(outline(diff([{ id: 3, name: 'c', score: 3 }]))).toEqual(['deleted 1', 'deleted 2', 'same 3'])
  expect(outline(diff([]))).toEqual(['deleted 1', 'deleted 2', 'deleted 3'])
})

test('a key that was deleted and came back is the same row', () => {
  expect(outline(diff(before.map((row) => ({ ...row }))))).toEqual(['same 1', 'same 2', 'same 3'])
})

test('values of json columns are compared by what they say', () => {
  const rows = diffTable([{ id: 1, tags: ['x'] }], [{ id: 1, tags: ['x'] }], ['id'], ['id', 'tags'])
  expect(outline(rows)).toEqual(['same 1'])
})
