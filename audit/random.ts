import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** Chance that can be repeated: the same seed and the same questions get the same answers. */
export interface Random {
  /** A whole number, both ends included. */
  int(from: number, to: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly [T, ...T[]]): T
  pick<T>(list: readonly T[]): T | undefined
  /** One of the names, each as often as its weight says. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T
  shuffled<T>(list: readonly T[]): T[]
}

/** @param stream tells those apart who draw from one seed without knowing of each other */
export function randomFrom(seed: number, stream = ''): Random {
  const generator = xoroshiro128plus(
    [...stream].reduce((sum, char) => Math.imul(sum, 31) + char.charCodeAt(0), seed),
  )
  const int = (from: number, to: number): number => uniformInt(generator, from, to)
  return {
    int,
    chance: (probability) => int(0, 999_999) < probability * 1_000_000,
    pick: <T>(list: readonly T[]) => list[int(0, Math.max(0, list.length - 1))] as T,
    weighted: <T extends string>(weights: Readonly<Record<T, number>>) => {
      const entries = Object.entries(weights) as [T, number][]
      let rest = int(
        1,
        entries.reduce((sum, [, weight]) => sum + weight, 0),
      )
      for (const [name, weight] of entries) if ((rest -= weight) <= 0) return name
      throw new Error('there is nothing to choose from')
    },
    shuffled: (list) => {
      const rest = [...list]
      const result = []
      while (rest.length > 0) result.push(...rest.splice(int(0, rest.length - 1), 1))
      return result
    },
  }
}
