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

test('among many, keys come, go and move as they would in an array', () => {
  const step = fc.record({
    do: fc.constantFrom('append', 'delete', 'move'),
    key: fc.nat(2_000),
    to: fc.nat(),
  })
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1_500 }),
      fc.array(step, { maxLength: 800, size: 'max' }),
      (size, steps) => {
        const array = Array.from({ length: size }, (_, key) => `${key}`)
        const list = listOf(...array)
        for (const { do: what, key: number, to } of steps) {
          const key = `${number}`
          const place = array.indexOf(key)
          if (what === 'append') {
            expect(list.append(key)).toBe(place < 0)
            if (place < 0) array.push(key)
            continue
          }
          if (what === 'delete') expect(list.delete(key)).toBe(place >= 0)
          if (place < 0) continue
          array.splice(place, 1)
          if (what === 'delete') continue
          const target = to % (array.length + 1)
          array.splice(target, 0, key)
          expect(list.move([[key, array[target - 1] ?? null]])).toBe(true)
        }
        expect([...list]).toEqual(array)
        expect(list.size).toBe(array.length)
        expect(list.rows((key) => ({ key })).flat()).toEqual(array.map((key) => ({ key })))
      },
    ),
    { numRuns: 30 },
  )
})

test('one that is touched has the rows around it made anew, and no others', () => {
  const list = listOf(...Array.from({ length: 1_000 }, (_, key) => `${key}`))
  const rowOf = (key: string) => ({ key })
  const before = list.rows(rowOf)
  expect(list.rows(rowOf)).toEqual(before)
  list.touch('500')
  const after = list.rows(rowOf)
  const made = after.filter((rows, block) => rows !== before[block])
  expect(made).toHaveLength(1)
  expect(made[0]).toContainEqual({ key: '500' })
  expect(before.length).toBeGreaterThan(4)
})
