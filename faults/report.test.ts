import { expect, test } from 'vitest'
import type { MemorySample } from './memory.ts'
import { leaksOf, memoryVerdicts } from './report.ts'

/** A process that lives for so many minutes, looked at every 5 s. */
function life(minutes: number, heapMb: (minute: number) => number): MemorySample[] {
  return Array.from({ length: minutes * 12 + 1 }, (_, i) => {
    const heap = heapMb(i / 12)
    return { atMs: i * 5_000, rssMb: heap + 50, heapMb: heap }
  })
}

test('a process whose heap goes up for as long as it lives leaks', () => {
  expect(leaksOf({ s0: life(10, (minute) => 50 + 2 * minute) })).toEqual(['s0 leaks: 2.00 MB a minute'])
})

test('what a process fills in its first minutes is no leak, and neither is what goes up and down', () => {
  const warmsUp = life(10, (minute) => 50 + 20 * Math.min(2, minute))
  const breathes = life(10, (minute) => 50 + 10 * Math.sin(minute * 7))
  expect(leaksOf({ warmsUp, breathes })).toEqual([])
})

test('of a short life nothing is told; and if there was no other, that is', () => {
  const memory = { s1: life(3, (minute) => 50 * minute) }
  expect(memoryVerdicts(memory)).toEqual([])
  expect(leaksOf(memory)).toEqual(['no process lived long enough to tell anything of its memory'])
})
