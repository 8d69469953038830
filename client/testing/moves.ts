import type { KeyText } from '../../shared/change.ts'

/**
 * What takes a list from one order to another after its rows have left and arrived: as few keys as
 * possible, each with its predecessor.
 */
export function movesTo(before: readonly KeyText[], after: readonly KeyText[]): [KeyText, KeyText | null][] {
  const placeBefore = new Map(before.map((key, index) => [key, index]))
  const stays = longestRising(
    after.filter((key) => placeBefore.has(key)).map((key) => placeBefore.get(key) ?? 0),
  )
  const staying = new Set(stays.map((place) => before[place]))
  return after.flatMap((key, index) => (staying.has(key) ? [] : [[key, after[index - 1] ?? null]]))
}

function longestRising(numbers: readonly number[]): number[] {
  const longest: number[][] = []
  for (const [index, number] of numbers.entries()) {
    const sequences = longest.slice(0, index).filter((sequence) => (sequence.at(-1) ?? -1) < number)
    const best = sequences.reduce((a, b) => (b.length > a.length ? b : a), [] as number[])
    longest.push([...best, number])
  }
  return longest.reduce((a, b) => (b.length > a.length ? b : a), [] as number[])
}
