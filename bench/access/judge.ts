import { channelOf } from './setting.ts'

/** A change of a message, and when it was made; by `now`. */
export interface Commit {
  /** Numbers all changes of a run. */
  readonly change: number
  readonly op: 'row_insert' | 'field_update' | 'row_delete'
  readonly id: number
  readonly channel: number
  readonly dueAt: number
  /** When it was sent to PostgreSQL. */
  readonly issuedAt: number
  /** When PostgreSQL had said that it was committed. */
  readonly at: number
}

/** A user must not see his channel any more. */
export interface Revocation {
  readonly user: number
  /** When it had been committed. */
  readonly at: number
}

/** A change that has reached a client. */
export interface Arrival {
  readonly user: number
  /** The number of the change; of a delete, which names none, the id of the row, negative. */
  readonly what: number
  readonly at: number
}

export interface Verdict {
  /** From each commit to each client that may see it. */
  readonly latenciesMs: number[]
  /** What must not be, in words. */
  readonly faults: string[]
}

/**
 * Looks whether each client got all changes of its channel, each once, and no other.
 *
 * From one who loses his channel meanwhile nothing is required, since what is committed close before may be told or
 * not; but what was sent to PostgreSQL after the revocation had been committed is forbidden. That a row is gone he is
 * told in any case.
 */
export function judge(
  users: readonly number[],
  commits: readonly Commit[],
  arrivals: readonly Arrival[],
  revocations: readonly Revocation[] = [],
): Verdict {
  const byWhat = new Map(
    commits.map((commit) => [commit.op === 'row_delete' ? -commit.id : commit.change, commit]),
  )
  const revokedAt = new Map(revocations.map(({ user, at }) => [user, at]))
  const members = new Map<number, number>()
  for (const user of users)
    if (!revokedAt.has(user)) members.set(channelOf(user), (members.get(channelOf(user)) ?? 0) + 1)
  const got = new Map<Commit, Set<number>>()
  const latenciesMs: number[] = []
  const faults: string[] = []
  for (const { user, what, at } of arrivals) {
    const commit = byWhat.get(what)
    const revoked = revokedAt.get(user)
    const told = `user ${user} was told of ${what < 0 ? `the delete of ${-what}` : `change ${what}`}`
    if (!commit) {
      if (revoked === undefined) faults.push(`${told}, which nobody made`)
      continue
    }
    if (commit.channel !== channelOf(user)) {
      faults.push(`${told} of another channel`)
      continue
    }
    if (revoked !== undefined) {
      if (commit.issuedAt > revoked && commit.op !== 'row_delete')
        faults.push(`${told}, made ${Math.round(commit.issuedAt - revoked)} ms after he was out`)
      continue
    }
    const receivers = got.get(commit) ?? new Set()
    got.set(commit, receivers)
    if (receivers.has(user)) faults.push(`${told} twice`)
    receivers.add(user)
    latenciesMs.push(at - commit.at)
  }
  for (const commit of commits) {
    const missing = (members.get(commit.channel) ?? 0) - (got.get(commit)?.size ?? 0)
    if (missing > 0) faults.push(`${missing} were not told of change ${commit.change}`)
  }
  return { latenciesMs, faults }
}
