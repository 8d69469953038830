import { parseSnapshot, isVisibleIn } from '../server/log/snapshot.ts'
import { parsePosition, type Position } from '../shared/position.ts'
import type { Sight, Sights } from './sights.ts'

/** A transaction of the audit's that has committed. They commit one after the other, however long they run beside each other. */
export interface Committed {
  readonly xid: bigint
  /** What it did, for people. */
  readonly what: string
  /** Milliseconds since 1970: before it was known to have committed, and after. */
  readonly committingAt: number
  readonly committedAt: number
  /** It changed what the change log does not tell of, such as a policy: it takes effect soon, but not at its position. */
  readonly isUnlogged: boolean
  /** What everybody sees after it. */
  readonly after: Sights
  /** What everybody would have seen between its statements. */
  readonly during: readonly Sights[]
}

/** What everybody saw after every commit: by it any byte can be judged, whatever its position. */
export class History {
  /** In the order of commits; the first stands for the beginning. */
  readonly commits: readonly Committed[]
  readonly #indexes = new Map<Position, number>()

  constructor(commits: readonly Committed[]) {
    this.commits = commits
  }

  /** The last commit that a position sees. Snapshots see a beginning of the commits, since each began when the last had ended. */
  indexAt(position: Position): number {
    let index = this.#indexes.get(position)
    if (index === undefined) {
      const snapshot = parseSnapshot(parsePosition(position).snapshot)
      index = this.commits.findLastIndex(({ xid }) => isVisibleIn(snapshot, xid))
      this.#indexes.set(position, Math.max(0, index))
    }
    return Math.max(0, index)
  }

  get last(): number {
    return this.commits.length - 1
  }

  sight(index: number, identity: number, relation: string): Sight {
    return this.commits[index]?.after.of(identity, relation) ?? null
  }

  /** What an identity saw of a table after each of some commits, both included, and between the statements of each. */
  *sights(first: number, last: number, identity: number, relation: string): Iterable<NonNullable<Sight>> {
    for (let i = Math.max(0, first); i <= last; i++) {
      const commit = this.commits[i]
      for (const sights of commit ? [commit.after, ...commit.during] : []) {
        const sight = sights.of(identity, relation)
        if (sight) yield sight
      }
    }
  }

  /** The first and the last of the commits that were the newest at some moment of a time. */
  inForce(from: number, to: number): [first: number, last: number] {
    const first = this.commits.findLastIndex(({ committedAt }) => committedAt <= from)
    const last = this.commits.findLastIndex(({ committingAt }) => committingAt <= to)
    return [Math.max(0, first), Math.max(0, last)]
  }

  /**
   * Whether what arrived at a moment may still follow what was allowed before: somebody changed policies or grants up to
   * so long before. What then counts as seen is all that was seen since.
   */
  changeOfRights(at: number, graceMs: number): { readonly since: number } | undefined {
    const index = this.commits.findIndex(
      ({ isUnlogged, committingAt, committedAt }) =>
        isUnlogged && committingAt <= at && at <= committedAt + graceMs,
    )
    return index === -1 ? undefined : { since: Math.max(0, index - 1) }
  }
}
