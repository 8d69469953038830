import fc from 'fast-check'
import { expect, test } from 'vitest'
import { faultKinds, schedule } from './schedule.ts'

test('a seed always gives the same faults, and another seed gives others', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const faults = schedule({ seed, durationMs: 120_000 })
      expect(schedule({ seed, durationMs: 120_000 })).toEqual(faults)
      expect(schedule({ seed: seed + 1, durationMs: 120_000 })).not.toEqual(faults)
    }),
  )
})

test('faults come in their order, and there is calm before the first and after the last', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 5_000, max: 300_000 }), (seed, durationMs) => {
      const times = schedule({ seed, durationMs }).map(({ atMs }) => atMs)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      for (const atMs of times) expect(atMs >= 2_000 && atMs < durationMs - 2_000).toBe(true)
    }),
  )
})

test('two minutes have a fault of each kind', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const kinds = new Set(schedule({ seed, durationMs: 120_000 }).map(({ kind }) => kind))
      expect([...kinds].sort()).toEqual([...faultKinds].sort())
    }),
  )
})

test('no fault lasts longer than the longest may', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      for (const { forMs } of schedule({ seed, durationMs: 60_000, longestMs: 3_000 }))
        expect(forMs).toBeLessThanOrEqual(3_000)
    }),
  )
})
