import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Renewal } from './renewal.ts'

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(() => void vi.useRealTimers())

const hourMs = 3_600_000

/** When it was renewed, in milliseconds before it expired. */
function renewals(expiresInMs: number, { minWaitMs = 500, succeedsAfter = Infinity } = {}): number[] {
  const expiresAt = Date.now() + expiresInMs
  const early: number[] = []
  const renewal = new Renewal(() => {
    early.push(expiresAt - Date.now())
    if (early.length < succeedsAfter) renewal.retry()
    else renewal.start(undefined)
  }, minWaitMs)
  renewal.start(expiresInMs)
  vi.advanceTimersByTime(expiresInMs + hourMs)
  renewal.stop()
  return early
}

test('it is renewed once, a minute or two before it expires, each at a moment of its own', () => {
  const early = Array.from({ length: 50 }, () => renewals(hourMs, { succeedsAfter: 1 }))
  for (const [ms, ...others] of early) {
    expect(ms).toBeGreaterThanOrEqual(60_000)
    expect(ms).toBeLessThanOrEqual(120_000)
    expect(others).toEqual([])
  }
  expect(new Set(early.map(([ms]) => ms)).size).toBeGreaterThan(10)
})

test('what is good for months is not renewed before', () => {
  const [ms] = renewals(30 * 24 * hourMs, { succeedsAfter: 1 })
  expect(ms).toBeLessThanOrEqual(120_000)
})

test('while it fails it is tried again, sooner and sooner but not without end, and never too late', () => {
  const early = renewals(hourMs)
  expect(early.length).toBeGreaterThan(3)
  expect(early.length).toBeLessThan(25)
  expect(early).toEqual(early.toSorted((a, b) => b - a))
  expect(early.at(-1)).toBeGreaterThanOrEqual(0)
})

test('after a sleep it is renewed within a minute', () => {
  const renew = vi.fn()
  new Renewal(renew, 500).start(hourMs)
  vi.setSystemTime(Date.now() + hourMs - 150_000)
  vi.advanceTimersByTime(30_000 + 60_000)
  expect(renew).toHaveBeenCalledTimes(1)
})

test('what is stopped, or good for ever, is not renewed', () => {
  const renew = vi.fn()
  const renewal = new Renewal(renew, 500)
  renewal.start(hourMs)
  renewal.stop()
  renewal.retry()
  renewal.start(hourMs)
  renewal.start(undefined)
  vi.advanceTimersByTime(10 * hourMs)
  expect(renew).not.toHaveBeenCalled()
})
