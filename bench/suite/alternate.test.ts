import { expect, test } from 'vitest'
import { alternate, medianRatio } from './alternate.ts'

test('sides take turns, the other way about every other round, and the first round does not count', async () => {
  const order: string[] = []
  const side = (name: string) => (round: number) => {
    order.push(`${name}${round}`)
    return Promise.resolve(round)
  }
  expect(await alternate(2, { a: side('a'), b: side('b') })).toEqual({ a: [1, 2], b: [1, 2] })
  expect(order).toEqual(['a0', 'b0', 'b1', 'a1', 'a2', 'b2'])
})

test('ratios are of one round each: a round that something else slowed down does not count for one side only', () => {
  expect(medianRatio([2, 20, 2], [1, 10, 1])).toBe(2)
})
