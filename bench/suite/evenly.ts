import { now } from './clock.ts'

/**
 * Begins so many pieces of work at even moments, whatever becomes of those before.
 *
 * @param work is told its number, from 0, and when it was due, by `now()` of clock.ts
 * @param atOnce those that are due while so many are under way begin when one of these ends. Default: 8
 */
export async function evenly(
  count: number,
  perSecond: number,
  work: (i: number, dueAt: number) => Promise<void>,
  atOnce = 8,
): Promise<void> {
  const startAt = now()
  let [begun, ended] = [0, 0]
  if (count === 0) return
  await new Promise<void>((resolve, reject) => {
    const begin = () => {
      while (begun < count && begun - ended < atOnce) {
        const dueAt = startAt + (begun / perSecond) * 1_000
        if (now() < dueAt) return
        work(begun++, dueAt).then(() => {
          if (++ended < count) return begin()
          clearInterval(timer)
          resolve()
        }, reject)
      }
    }
    const timer = setInterval(begin, 1)
  })
}
