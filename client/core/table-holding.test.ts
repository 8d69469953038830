import { expect, test } from 'vitest'
import type { KeyText, Row } from '../../shared/change.ts'
import type { WireChange } from '../../shared/protocol.ts'
import { RelationRows } from './relation-rows.ts'
import { TableHolding } from './table-holding.ts'

const relation = 'public.item'
const keyOf = (id: number): KeyText => `[${id}]`
const rowOf = (id: number): Row => ({ id, score: id })
const update = (id: number, score: number): WireChange => ({
  op: 'field_update',
  relation,
  key: keyOf(id),
  fields: { score },
  for: [0],
})
const insert = (id: number): WireChange => ({
  op: 'row_insert',
  relation,
  key: keyOf(id),
  row: rowOf(id),
  for: [0],
})
const remove = (id: number): WireChange => ({ op: 'row_delete', relation, key: keyOf(id), for: [0] })

class Table {
  readonly rows = new RelationRows()
  readonly holding: TableHolding

  constructor(size: number, isOrdered = false) {
    this.holding = new TableHolding(
      { id: 'table', relation, rows: this.rows, changed: () => undefined },
      isOrdered,
    )
    this.take(Array.from({ length: size }, (_, i) => i + 1))
  }

  take(ids: readonly number[]): void {
    this.holding.take(
      ids.map((id) => [keyOf(id), rowOf(id)]),
      'shape',
    )
    this.rows.commit()
  }

  commit(...changes: readonly WireChange[]): void {
    for (const change of changes) expect(this.holding.apply(change)).toBe(true)
    this.rows.commit()
  }

  get data(): readonly Row[] {
    return this.holding.result.data as readonly Row[]
  }
}

test('of many rows one is replaced, in an array of its own, and the others stay the objects that they were', () => {
  const table = new Table(1_000)
  const before = table.data
  table.commit(update(500, -1))
  const after = table.data
  expect(after).not.toBe(before)
  expect(table.data).toBe(after)
  expect(before[499]).toEqual({ id: 500, score: 500 })
  expect(after[499]).toEqual({ id: 500, score: -1 })
  expect(after.filter((row, place) => row !== before[place])).toEqual([after[499]])
})

test('what was shown once goes on showing what it showed, also if nobody had looked at it yet', () => {
  const table = new Table(1_000, true)
  const [first] = [table.holding.result]
  table.commit(update(1, -1))
  const second = table.holding.result
  table.commit(remove(2), insert(2_000))
  table.holding.move([[keyOf(900), null]])
  const third = table.holding.result
  const scores = ({ data }: typeof first) => (data as Row[]).map(({ score }) => score)
  expect(scores(third).slice(0, 3)).toEqual([900, -1, 3])
  expect(scores(third).at(-1)).toBe(2_000)
  expect(scores(second).slice(0, 3)).toEqual([-1, 2, 3])
  expect(scores(first)).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1))
})

test('what comes to the same in the end is the same result, wherever its rows have been in between', () => {
  const table = new Table(1_000, true)
  const before = table.holding.result
  table.commit(update(3, -1), update(3, 3))
  table.commit(remove(1_000), insert(1_000))
  expect(table.holding.result).toBe(before)
  const back: [KeyText, KeyText][] = []
  for (let id = 300; id < 700; id++) {
    table.holding.move([[keyOf(id), null]]) // to the front, past what a block holds
    back.push([keyOf(id), keyOf(id - 1)])
  }
  table.holding.move(back)
  expect(table.holding.result).toBe(before)
  table.take(Array.from({ length: 1_000 }, (_, i) => i + 1))
  expect(table.holding.result).toBe(before)
})

test('rows that nothing orders stay where they are when they are read afresh, and a result without news is the same', () => {
  const table = new Table(300)
  const before = table.holding.result
  table.take(Array.from({ length: 300 }, (_, i) => 300 - i))
  expect(table.holding.result).toBe(before)
})
