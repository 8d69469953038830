import { expect, test } from 'vitest'
import { TokenBucket } from './token-bucket.ts'

function bucket(perSecond: number, atOnce: number) {
  const clock = { ms: 0 }
  const tokens = new TokenBucket(perSecond, atOnce, () => clock.ms)
  const taken = (tries: number) => Array.from({ length: tries }, () => tokens.take()).filter(Boolean).length
  return { clock, tokens, taken }
}

test('so many pass at once, and then as many as come in', () => {
  const { clock, taken } = bucket(10, 5)
  expect(taken(8)).toBe(5)
  clock.ms += 300
  expect(taken(8)).toBe(3)
  clock.ms += 3_600_000
  expect(taken(8)).toBe(5)
})

test('what is dearer than the bucket is large takes all of a full one', () => {
  const { clock, tokens } = bucket(10, 5)
  expect(tokens.take(100)).toBe(true)
  expect(tokens.take(1)).toBe(false)
  clock.ms += 400
  expect(tokens.take(100)).toBe(false)
  expect(tokens.isFull).toBe(false)
  clock.ms += 100
  expect(tokens.isFull).toBe(true)
  expect(tokens.take(100)).toBe(true)
})

test('an infinite one lets everything through', () => {
  for (const [perSecond, atOnce] of [
    [Infinity, 5],
    [5, Infinity],
  ] as const) {
    const { clock, taken } = bucket(perSecond, atOnce)
    expect(taken(100)).toBe(100)
    clock.ms += 1
    expect(taken(100)).toBe(100)
  }
})
