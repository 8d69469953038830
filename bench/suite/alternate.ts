import { quantile } from './quantile.ts'

/** What each side came to, round by round. */
export type Rounds<S extends string, T> = Readonly<Record<S, readonly T[]>>

/**
 * Runs the sides of a comparison by turns, round after round and every other round the other way about: what else the
 * machine does weighs on all of them alike. A first round warms up and does not count.
 *
 * @example
 * const { rowcast, bridge } = await alternate(5, { rowcast: () => time(…), bridge: () => time(…) })
 * atMost('against the bare bridge', medianRatio(rowcast, bridge), '', 1.25)
 */
export async function alternate<S extends string, T>(
  rounds: number,
  sides: Readonly<Record<S, (round: number) => Promise<T>>>,
): Promise<Rounds<S, T>> {
  const names = Object.keys(sides) as S[]
  const outcomes = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<S, T[]>
  for (let round = 0; round <= rounds; round++)
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const outcome = await sides[name](round)
      if (round > 0) outcomes[name].push(outcome)
    }
  return outcomes
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Of each round by itself: what weighed on a round weighed on both. */
export function medianRatio(values: readonly number[], to: readonly number[]): number {
  return median(values.map((value, round) => value / (to[round] ?? NaN)))
}
