import { expect, test } from 'vitest'
import { delaysOf } from './painted.ts'

test('an update is seen in the first frame that shows it', () => {
  const updates = [
    { id: 1, score: 1, at: 100 },
    { id: 2, score: 2, at: 101 },
  ]
  const sightings = [
    [2, 2, 104, 116],
    [1, 1, 120, 132],
    [2, 9, 121, 132],
  ] as const
  expect(delaysOf(updates, sightings)).toEqual([
    { toDomMs: 20, toPaintMs: 32 },
    { toDomMs: 3, toPaintMs: 15 },
  ])
})

test('one that was overtaken by the next of its row is seen with that, and what was never shown is missing', () => {
  const updates = [
    { id: 1, score: 1, at: 100 },
    { id: 1, score: 2, at: 105 },
    { id: 1, score: 3, at: 110 },
  ]
  expect(delaysOf(updates, [[1, 2, 108, 116]])).toEqual([
    { toDomMs: 8, toPaintMs: 16 },
    { toDomMs: 3, toPaintMs: 11 },
    undefined,
  ])
})
