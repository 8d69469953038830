import fc from 'fast-check'
import { expect, test } from 'vitest'
import { median, slopePerMinute } from './memory.ts'

test('samples on a line have its slope, wherever it begins', () => {
  fc.assert(
    fc.property(fc.integer({ min: -50, max: 50 }), fc.integer(), (perMinute, start) => {
      const samples = Array.from({ length: 20 }, (_, i) => ({
        atMs: i * 5_000,
        y: start + (perMinute * i) / 12,
      }))
      expect(slopePerMinute(samples)).toBeCloseTo(perMinute, 3)
    }),
  )
})

test('a few samples that are far off do not make a slope', () => {
  const samples = Array.from({ length: 40 }, (_, i) => ({ atMs: i * 5_000, y: i % 10 === 9 ? 900 : 100 }))
  expect(slopePerMinute(samples)).toBe(0)
})

test('a slow leak under noise is a slope', () => {
  const samples = Array.from({ length: 100 }, (_, i) => ({ atMs: i * 5_000, y: 100 + i * 0.2 + (i % 7) }))
  expect(slopePerMinute(samples)).toBeGreaterThan(2)
})

test('the median of an even number is between the two in the middle', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([])).toBe(0)
})
