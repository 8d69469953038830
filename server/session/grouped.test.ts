import { expect, test } from 'vitest'
import { Grouped } from './grouped.ts'

/** Keeps what it is asked, and answers each with its double when told to. */
function counting(options: { limit?: number; sizeOf?: (n: number) => number; gatherMs?: number } = {}) {
  const asked: number[][] = []
  const grouped = new Grouped<number, number>(async (requests) => {
    asked.push([...requests])
    await new Promise((resolve) => setImmediate(resolve))
    return requests.map((request) => request * 2)
  }, options)
  return { asked, grouped }
}

test('what is asked in one turn is asked at once, and each gets its own answer', async () => {
  const { asked, grouped } = counting()
  expect(await Promise.all([1, 2, 3].map((n) => grouped.ask(n)))).toEqual([2, 4, 6])
  expect(await grouped.ask(4)).toBe(8)
  expect(asked).toEqual([[1, 2, 3], [4]])
})

test('what comes while an answer is under way goes together in the next group, none larger than the limit', async () => {
  const { asked, grouped } = counting({ limit: 2 })
  const first = grouped.ask(1).then(() => Promise.all([7, 8].map((n) => grouped.ask(n))))
  await new Promise((resolve) => setImmediate(resolve))
  await Promise.all([2, 3, 4].map((n) => grouped.ask(n)))
  await first
  expect(asked).toEqual([[1], [2, 3], [4, 7], [8]])
})

test('what nobody waits for gathers what comes in many turns, and is settled with it', async () => {
  const { asked, grouped } = counting({ gatherMs: 200 })
  const answers: Promise<number>[] = []
  for (const n of [1, 2, 3]) {
    answers.push(grouped.ask(n))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await grouped.settle()
  expect(asked).toEqual([[1, 2, 3]])
  expect(await Promise.all(answers)).toEqual([2, 4, 6])
})

test('large requests make small groups, and one that is larger than the limit goes alone', async () => {
  const { asked, grouped } = counting({ limit: 10, sizeOf: (n) => n })
  await Promise.all([4, 5, 6, 50, 1, 9].map((n) => grouped.ask(n)))
  expect(asked).toEqual([[4, 5], [6], [50], [1, 9]])
})

test('one that the database refuses takes nobody along; without the database all fail', async () => {
  const grouped = new Grouped<string, string>(async (requests) => {
    if (requests.includes('outage')) throw Object.assign(new Error('gone'), { code: '08006' })
    if (requests.includes('senseless')) throw Object.assign(new Error('what?'), { code: '22P02' })
    return requests
  })
  const outcomes = (requests: string[]) =>
    Promise.all(requests.map((request) => grouped.ask(request).catch((error: Error) => error.message)))
  expect(await outcomes(['a', 'senseless', 'b'])).toEqual(['a', 'what?', 'b'])
  expect(await outcomes(['a', 'outage', 'b'])).toEqual(['gone', 'gone', 'gone'])
  expect(await outcomes(['a'])).toEqual(['a'])
})

test('what many do with their answers keeps nobody else waiting', async () => {
  const grouped = new Grouped<number, number>((requests) => Promise.resolve(requests))
  const done: (number | string)[] = []
  const work = async (n: number) => {
    await grouped.ask(n)
    if (n === 0) setImmediate(() => done.push('others'))
    const startedAt = performance.now()
    while (performance.now() - startedAt < 2);
    done.push(n)
  }
  await Promise.all(Array.from({ length: 50 }, (_, n) => work(n)))
  expect(done).toHaveLength(51)
  expect(done.at(-1)).toBe(49)
})
