import { expect, test } from 'vitest'
import { not } from '../../shared/filter.ts'
import {
  checked,
  columnSubscription,
  fieldSubscription,
  rowSubscription,
  tableSubscription,
  textOf,
} from './definition.ts'

test('a table is asked for as it is, or with a filter, an order and a limit', () => {
  expect(tableSubscription('person')).toEqual({ kind: 'table', relation: 'person' })
  expect(
    tableSubscription('person', { where: { score: { gt: 3 } }, orderBy: { name: 'asc' }, limit: 5 }),
  ).toEqual({
    kind: 'table',
    relation: 'person',
    where: { column: 'score', op: 'gt', value: 3 },
    orderBy: [{ column: 'name', direction: 'asc' }],
    limit: 5,
  })
  expect(tableSubscription('person', { where: {}, orderBy: {} })).toEqual({
    kind: 'table',
    relation: 'person',
  })
})

test('a key is a value or the values in the order of the primary key', () => {
  expect(rowSubscription('person', 1)).toEqual({ kind: 'row', relation: 'person', key: [1] })
  expect(fieldSubscription('seat', [1, 'A.1'], 'taken')).toMatchObject({ key: [1, 'A.1'], column: 'taken' })
})

test('what says the same has the same text', () => {
  const text = (): string => textOf(tableSubscription('person', { limit: 5, where: { score: 1 } }))
  expect(text()).toBe(text())
  expect(text()).toBe(textOf(tableSubscription('person', { where: { score: 1 }, limit: 5 })))
  expect(text()).not.toBe(textOf(columnSubscription('person', 'score')))
})

test('what the server would not read is refused before it is sent with everything else', () => {
  const filter = expect.objectContaining({ code: 'invalid_filter' })
  const key = expect.objectContaining({ code: 'invalid_key' })
  let deep: Parameters<typeof not>[0] = { a: 1 }
  for (let depth = 0; depth < 10; depth++) deep = not(deep)
  expect(() => tableSubscription('person', { where: deep })).toThrow(filter)
  expect(() => tableSubscription('person', { where: { name: 'x'.repeat(20_000) } })).toThrow(filter)
  for (const limit of [0, -1, 1.5, NaN, 1e9])
    expect(() => tableSubscription('person', { limit })).toThrow(filter)
  expect(() => tableSubscription('')).toThrow(filter)
  expect(() => rowSubscription('person', undefined as never)).toThrow(key)
  expect(() => rowSubscription('person', [])).toThrow(key)
  expect(() => rowSubscription('person', [1, null])).toThrow(key)
  expect(() => rowSubscription('person', [{ a: 1 }])).toThrow(key)
  expect(() => checked({ kind: 'everything' } as never)).toThrow(filter)
})
