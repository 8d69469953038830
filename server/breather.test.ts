import { expect, test } from 'vitest'
import { Breather, Turns } from './breather.ts'

function workFor(ms: number): void {
  const startedAt = performance.now()
  while (performance.now() - startedAt < ms);
}

test('a rest is due after some work, and others have their turn in it', async () => {
  const breather = new Breather()
  workFor(20)
  expect(breather.isDue).toBe(true)
  let hadTurn = false
  setImmediate(() => (hadTurn = true))
  await breather.rest()
  expect(hadTurn).toBe(true)
})

test('those who wait for their turn have it in their order, and others are served between', async () => {
  const turns = new Turns()
  const done: (number | string)[] = []
  const work = async (n: number) => {
    await turns.next()
    if (n === 0) setImmediate(() => done.push('others'))
    await Promise.resolve() // what follows at once belongs to the turn
    workFor(2)
    done.push(n)
  }
  await Promise.all(Array.from({ length: 30 }, (_, n) => work(n)))
  expect(done.filter((each) => each !== 'others')).toEqual(Array.from({ length: 30 }, (_, n) => n))
  expect(done.at(-1)).toBe(29)

  await work(30) // nobody waits any more: who comes now has a turn, too
  expect(done.at(-1)).toBe(30)
})
