import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatPosition, isBehind, parsePosition } from './position.ts'

test('a position comes back as it was written', () => {
  const snapshots = fc
    .uniqueArray(fc.bigInt(1n, 2n ** 60n), { minLength: 2, maxLength: 20 })
    .map((ids) => ids.sort((a, b) => (a < b ? -1 : 1)))
    .map((ids) => `${ids[0]}:${ids.at(-1)}:${ids.slice(0, -1).join(',')}`)
  fc.assert(
    fc.property(snapshots, fc.stringMatching(/^[0-9a-f-]{1,40}$/), (snapshot, epoch) => {
      expect(parsePosition(formatPosition({ epoch, snapshot }))).toEqual({ epoch, snapshot })
    }),
  )
})

test('what PostgreSQL would not take as a snapshot is no position', () => {
  for (const text of [
    '',
    'e',
    'e/',
    'e/1:2',
    'e/2:1:',
    'e/0:1:',
    'e/1:5:5',
    'e/1:5:3,2',
    'e/1:5:2,2',
    'e/1:2:x',
    "e'/1:2:",
    'e/1:2:;',
  ])
    expect(() => parsePosition(text), text).toThrowError(
      expect.objectContaining({ code: 'invalid_position' }),
    )
})

test('of two positions of one epoch, the one that sees less is behind', () => {
  const inOrder = ['e/5:5:', 'e/5:7:5,6', 'e/5:7:5', 'e/7:7:', 'e/7:10:7', 'e/99:99:', 'e/100:100:']
  inOrder.forEach((position, i) =>
    inOrder.forEach((other, j) => expect(isBehind(position, other), `${position} ${other}`).toBe(i < j)),
  )
  expect(isBehind('e/1:1:', 'f/2:2:')).toBe(false)
  expect(isBehind('', 'e/2:2:')).toBe(false)
})
