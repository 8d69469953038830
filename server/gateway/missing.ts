import { parsePosition } from '../../shared/position.ts'
import type { ResetReason } from '../../shared/protocol.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import { parseSnapshot } from '../log/snapshot.ts'
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
  /** Of these it is given, before their rows, also the changes that none of some snapshots shows: the session's inbox. */
  readonly inbox: ReadonlyMap<SubscriptionId, readonly string[]>
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
  const stored = new Map(session?.subscriptions.map(({ id, since }) => [id, since]))
  const inbox = new Map<SubscriptionId, readonly string[]>()
  for (const { definition } of asked) {
    const since = stored.get(definition.id)
    // What a filter, an order, a limit or a policy has shown meanwhile, the log does not tell.
    if (!acknowledged || since === undefined || hasWindow(definition)) continue
    // As they are: the first is as long as the client has made it, and belongs to all of them.
    inbox.set(definition.id, [acknowledged.snapshot, since])
  }
  return { ...nothing(), from: from && from.snapshot, inbox }
}

/**
 * Tells whether who follows something could read it at a position already, so that the log may be told from there on. A
 * position is what a client says it is, and as long as it likes: it is read once, whatever is then asked of it.
 */
export function goingOnFrom({ from }: Missing): (definition: Definition) => boolean {
  if (from === null) return () => false
  const { xmax, running } = parseSnapshot(from)
  const [oldest = xmax] = running // they rise
  return ({ relation: { rightsSince } }) => rightsSince !== null && BigInt(rightsSince) < oldest
}
