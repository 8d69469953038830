import { parsePosition } from '../../shared/position.ts'
import type { ResetReason } from '../../shared/protocol.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import { formatSnapshot, mergedSnapshot, parseSnapshot } from '../log/snapshot.ts'
import type { Definition } from '../routing/definition.ts'
import { hasWindow } from '../routing/shown.ts'
import type { OpenSession } from '../session/session-store.ts'

/** What a connection still has to be given before it is live: all of it at one boundary, or all of it again at a later one. */
export interface Missing {
  /** It has everything up to this snapshot, but for what is fresh; null: it has nothing. */
  readonly from: string | null
  /** To be given from the beginning. */
  readonly fresh: Set<SubscriptionId>
  /** Why it cannot go on from where it was: told first. */
  readonly reset?: ResetReason
  /** Of these it is given, before their rows, also the changes since a snapshot of each: the session's inbox. */
  readonly inbox: ReadonlyMap<SubscriptionId, string>
}

/** To begin with. */
export function nothing(): Missing {
  return { from: null, fresh: new Set(), inbox: new Map() }
}

/**
 * What a client that has just attached lacks: all but what it holds at a position, and of some also the session's inbox.
 *
 * @param epoch of the database as it is now
 * @throws {RowcastError} `invalid_position`
 */
export function missingSince(
  position: string | undefined,
  session: OpenSession | undefined,
  defined: readonly { readonly inbox?: boolean | undefined; readonly definition: Definition }[],
  epoch: string,
): Missing {
  const from = position === undefined ? null : parsePosition(position)
  const asked = defined.filter(({ inbox }) => inbox)
  const acknowledged = asked.length > 0 ? session?.position : undefined
  if ((from && from.epoch !== epoch) || (acknowledged && acknowledged.epoch !== epoch))
    return { ...nothing(), reset: 'epoch_changed' }
  const inbox = new Map<SubscriptionId, string>()
  for (const { definition } of asked) {
    const stored = session?.subscriptions.find(({ id }) => id === definition.id)
    // What a filter, an order, a limit or a policy has shown meanwhile, the log does not tell.
    if (!acknowledged || !stored || hasWindow(definition)) continue
    const seen = mergedSnapshot(parseSnapshot(acknowledged.snapshot), parseSnapshot(stored.since))
    inbox.set(definition.id, formatSnapshot(seen))
  }
  return { ...nothing(), from: from && from.snapshot, inbox }
}

/**
 * Whether who follows something could read it at a position already, so that the log may be told from there on. A position is
 * what a client says it is.
 */
export function mayGoOnFrom({ from }: Missing, { relation: { rightsSince } }: Definition): boolean {
  if (from === null || rightsSince === null) return false
  const { xmax, running } = parseSnapshot(from)
  const since = BigInt(rightsSince)
  return since < xmax && [...running].every((xid) => since < xid)
}
