import { expect, test } from 'vitest'
import { and, not, or, toOrders, toPredicate } from './filter.ts'

test('columns with values are equalities that must all hold', () => {
  expect(toPredicate({ channel_id: 5 })).toEqual({ column: 'channel_id', op: 'eq', value: 5 })
  expect(toPredicate({ channel_id: 5, author: 'mia' })).toEqual({
    and: [
      { column: 'channel_id', op: 'eq', value: 5 },
      { column: 'author', op: 'eq', value: 'mia' },
    ],
  })
})

test('null means is null, as a value and in eq and ne', () => {
  expect(toPredicate({ a: null })).toEqual({ column: 'a', op: 'is_null', value: true })
  expect(toPredicate({ a: { eq: null } })).toEqual({ column: 'a', op: 'is_null', value: true })
  expect(toPredicate({ a: { ne: null } })).toEqual({ column: 'a', op: 'is_null', value: false })
})

test('several comparisons of one column must all hold', () => {
  expect(toPredicate({ id: { gt: 1, lte: 9 } })).toEqual({
    and: [
      { column: 'id', op: 'gt', value: 1 },
      { column: 'id', op: 'lte', value: 9 },
    ],
  })
})

test('and, or and not nest; a column may be called and', () => {
  expect(toPredicate(or({ a: 1 }, not(and({ b: 2 }, { and: 3 }))))).toEqual({
    or: [
      { column: 'a', op: 'eq', value: 1 },
      {
        not: {
          and: [
            { column: 'b', op: 'eq', value: 2 },
            { column: 'and', op: 'eq', value: 3 },
          ],
        },
      },
    ],
  })
})

test('an empty condition matches every row', () => {
  expect(toPredicate({})).toBeUndefined()
  expect(toPredicate(undefined)).toBeUndefined()
  expect(toPredicate(and())).toBeUndefined()
  expect(toPredicate(or({ a: 1 }, {}))).toBeUndefined()
  expect(toPredicate(and({}, { a: 1 }))).toEqual({ column: 'a', op: 'eq', value: 1 })
})

test('E-61 an unknown operator in a filter is a typed error', () => {
  expect(() => toPredicate({ a: { near: 3 } as never })).toThrow(
    expect.objectContaining({ code: 'invalid_filter', message: expect.stringContaining('where.a.near') }),
  )
})

test('a value that is undefined, or that JSON cannot hold, is refused rather than left out', () => {
  for (const value of [undefined, NaN, 1n, new Date(0), { eq: { nested: true } }])
    expect(() => toPredicate({ a: value as never })).toThrow(
      expect.objectContaining({ code: 'invalid_filter' }),
    )
  expect(() => or()).toThrow(expect.objectContaining({ code: 'invalid_filter' }))
  expect(() => not({})).toThrow(expect.objectContaining({ code: 'invalid_filter' }))
})

test('an order is an object or a list, ascending unless said otherwise', () => {
  expect(toOrders({ at: 'desc', id: 'asc' })).toEqual([
    { column: 'at', direction: 'desc' },
    { column: 'id', direction: 'asc' },
  ])
  expect(toOrders([{ column: 'at' }])).toEqual([{ column: 'at', direction: 'asc' }])
  expect(toOrders({})).toBeUndefined()
  expect(() => toOrders({ at: 'down' as never })).toThrow(expect.objectContaining({ code: 'invalid_filter' }))
})
