import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatPosition, parsePosition } from './position.ts'

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
