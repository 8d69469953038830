import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Expiry } from './expiry.ts'

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(() => void vi.useRealTimers())

function recorder() {
  const ended: string[] = []
  return { ended, expiry: new Expiry<string>((thing) => ended.push(thing)) }
}

test('what is due is ended by the timer, what is renewed or gone is not', () => {
  const { ended, expiry } = recorder()
  expiry.set('a', 1_000_100)
  expiry.set('b', 1_000_050)
  expiry.set('renewed', 1_000_020)
  expiry.set('gone', 1_000_030)
  expiry.set('lasting', 1_000_040)
  expiry.set('renewed', 1_000_200)
  expiry.delete('gone')
  expiry.set('lasting', undefined)
  vi.advanceTimersByTime(99)
  expect(ended).toEqual(['b'])
  vi.advanceTimersByTime(1)
  expect(ended).toEqual(['b', 'a'])
  vi.advanceTimersByTime(1_000_000_000)
  expect(ended).toEqual(['b', 'a', 'renewed'])
})

test('what is due later than a timer can wait is ended then, and not before', () => {
  const { ended, expiry } = recorder()
  const monthMs = 30 * 24 * 3600 * 1000
  expiry.set('a', Date.now() + monthMs)
  vi.advanceTimersByTime(monthMs - 1)
  expect(ended).toEqual([])
  vi.advanceTimersByTime(1)
  expect(ended).toEqual(['a'])
})

test('a clock that has been set forward, as after a sleep, ends what is due within a minute', () => {
  const { ended, expiry } = recorder()
  expiry.set('a', Date.now() + 3_600_000)
  vi.setSystemTime(Date.now() + 3_600_000)
  vi.advanceTimersByTime(60_000)
  expect(ended).toEqual(['a'])
})

test('whoever asks before the timer comes finds everything ended that is due, once', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.oneof(
    fc.record({ name, dueInMs: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }) }),
    fc.record({ passMs: fc.integer({ min: 0, max: 50 }) }),
  )
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let now = 0
      const due = new Map<string, number>()
      const [ended, expected]: string[][] = [[], []]
      const expiry = new Expiry<string>(
        (thing) => ended?.push(thing),
        () => now,
      )
      for (const each of steps) {
        if ('passMs' in each) now += each.passMs
        else {
          const dueAt = each.dueInMs === undefined ? undefined : now + each.dueInMs
          expiry.set(each.name, dueAt)
          if (dueAt === undefined) due.delete(each.name)
          else due.set(each.name, dueAt)
        }
        expiry.endDue()
        for (const [thing, at] of due) if (at <= now && due.delete(thing)) expected?.push(thing)
        expect(ended?.toSorted()).toEqual(expected?.toSorted())
      }
    }),
  )
})
