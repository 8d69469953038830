import { pino } from 'pino'
import { expect, test } from 'vitest'
import { SessionUpkeep } from './session-upkeep.ts'

/** Upkeep of sessions that are ended one at a time, with a database whose clock is set by hand. */
function upkeepOf(ended: (() => string[])[] = []) {
  const seen = { ended: [] as string[], clearedUp: 0, now: 0, clockAheadMs: 0 }
  const upkeep = new SessionUpkeep({
    sessions: {
      expireAfterMs: Infinity,
      renew: async () => ({
        ended: ended.shift()?.() ?? [],
        clockMs: seen.now + seen.clockAheadMs,
      }),
      clearUp: async () => void seen.clearedUp++,
    },
    logger: pino({ level: 'silent' }),
    onEnd: (session) => seen.ended.push(session),
    now: () => seen.now,
  })
  return { upkeep, seen }
}

test('what has been ended is told, and a database that is away ends nothing', async () => {
  const away = () => {
    throw new Error('away')
  }
  const { upkeep, seen } = upkeepOf([() => ['a'], away, () => ['b']])
  await upkeep.run()
  expect(seen.ended).toEqual(['a'])
  await upkeep.run()
  expect(seen.ended).toEqual(['a'])
  await Promise.all([upkeep.run(), upkeep.run()])
  expect(seen.ended).toEqual(['a', 'b'])
  await upkeep.close()
})

test('after a jump of the clock, and at the beginning, nothing is cleared up before all servers have spoken again', async () => {
  const { upkeep, seen } = upkeepOf()
  const day = 24 * 60 * 60 * 1000
  const clearsUp = async (passedMs: number, clockAheadMs: number) => {
    const before = seen.clearedUp
    Object.assign(seen, { now: seen.now + passedMs, clockAheadMs })
    await upkeep.run()
    return seen.clearedUp > before
  }
  expect(await clearsUp(0, 0)).toBe(false)
  expect(await clearsUp(1_000, 0)).toBe(false)
  expect(await clearsUp(30_000, 10)).toBe(true)
  expect(await clearsUp(30_000, 40 * day)).toBe(false)
  expect(await clearsUp(29_000, 40 * day)).toBe(false)
  expect(await clearsUp(1_000, 40 * day)).toBe(true)
  expect(await clearsUp(30_000, -day)).toBe(false)
  expect(await clearsUp(30_000, -day)).toBe(true)
})
