import { expect, test } from 'vitest'
import { subscriptionShape } from './subscription.ts'

const condition = { column: 'x', op: 'eq', value: 1 }

function faultOf(where: unknown): string | undefined {
  return subscriptionShape({ kind: 'table', relation: 'a', where })
}

function nested(depth: number): unknown {
  let predicate: unknown = condition
  for (let i = 0; i < depth; i++) predicate = i % 2 ? { not: predicate } : { and: [predicate] }
  return predicate
}

test('a filter may be nested eight deep, and is refused beyond that however deep it is', () => {
  expect(faultOf(nested(8))).toBeUndefined()
  for (const depth of [9, 100_000]) expect(faultOf(nested(depth))).toMatch(/: a filter may be nested 8 deep$/)
})

test('what is wrong with a condition is said of that condition', () => {
  expect(faultOf({ and: [condition, { not: { column: 'x' } }] })).toBe(
    '.where.and[1].not.op must be eq or ne or lt or lte or gt or gte or in or like or ilike or is_null',
  )
  expect(faultOf({ and: [] })).toBe('.where.and must have 1 to 100 items')
})

test('values are what JSON and PostgreSQL can hold, and not too many in one list', () => {
  const compare = (value: unknown) => ({ column: 'x', op: 'in', value })
  for (const value of [null, true, -0.5, 'ü 👍', [], [1, ['a', [null]]]])
    expect(faultOf(compare(value)), JSON.stringify(value)).toBeUndefined()
  const overflow = JSON.parse('1e400') as unknown
  const long = Array.from({ length: 1001 }, () => 1)
  const deep = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`) as unknown
  for (const value of ['\0', '\ud800', 'x'.repeat(10_001), overflow, NaN, {}, [[{}]], long, [long], deep])
    expect(faultOf(compare(value))).toContain('must be null')
})

test('properties that objects inherit are no names of ours', () => {
  const input = JSON.parse(
    '{"kind":"table","relation":"a","__proto__":{"limit":1},"constructor":1}',
  ) as unknown
  expect(subscriptionShape(input)).toBe('.__proto__ is unknown here')
  expect(faultOf({ toString: [], valueOf: 1 })).toBeDefined()
})
