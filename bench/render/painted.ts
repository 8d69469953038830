import type { Sighting } from './page/probe.ts'

/** That a row got a score, which is higher than those before. */
export interface Update {
  readonly id: number
  readonly score: number
  /** When the writer knew that it was committed. */
  readonly at: number
}

/** How long an update took to be seen; undefined: it never was. */
export interface Delay {
  readonly toDomMs: number
  readonly toPaintMs: number
}

/** An update is seen in the first frame that shows its score or, if the row has been updated again meanwhile, a later one. */
export function delaysOf(
  updates: readonly Update[],
  sightings: readonly Sighting[],
): readonly (Delay | undefined)[] {
  const byRow = new Map<number, Sighting[]>()
  for (const sighting of sightings) {
    const [id] = sighting
    const ofRow = byRow.get(id)
    if (ofRow) ofRow.push(sighting)
    else byRow.set(id, [sighting])
  }
  return updates.map(({ id, score, at }) => {
    const seen = byRow.get(id)?.find(([, shown]) => shown >= score)
    return seen && { toDomMs: seen[2] - at, toPaintMs: seen[3] - at }
  })
}
