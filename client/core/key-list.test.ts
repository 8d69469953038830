import fc from 'fast-check'
import { expect, test } from 'vitest'
import { movesTo } from '../testing/moves.ts'
import { KeyList } from './key-list.ts'

function listOf(...keys: string[]): KeyList {
  const list = new KeyList()
  for (const key of keys) list.append(key)
  return list
}

test('keys are kept in the order in which they were appended, each once', () => {
  const list = listOf('a', 'b', 'a', 'c')
  expect([...list]).toEqual(['a', 'b', 'c'])
  expect(list.delete('b')).toBe(true)
  expect(list.delete('b')).toBe(false)
  expect([...list]).toEqual(['a', 'c'])
  expect(list.size).toBe(2)
})

test('moves take out all that they name, then put each after its predecessor', () => {
  const list = listOf('a', 'b', 'c', 'd')
  expect(
    list.move([
      ['d', null],
      ['a', 'd'],
    ]),
  ).toBe(true)
  expect([...list]).toEqual(['d', 'a', 'b', 'c'])
})

test('moves of what is unknown are refused', () => {
  expect(listOf('a').move([['x', null]])).toBe(false)
  expect(listOf('a', 'b').move([['a', 'x']])).toBe(false)
})

test('any order is reached from any other', () => {
  const keys = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { minLength: 1 })
  fc.assert(
    fc.property(
      keys.chain((before) =>
        fc.tuple(fc.constant(before), fc.shuffledSubarray(before, { minLength: before.length })),
      ),
      ([before, after]) => {
        const list = listOf(...before)
        expect(list.move(movesTo(before, after))).toBe(true)
        expect([...list]).toEqual(after)
      },
    ),
  )
})
