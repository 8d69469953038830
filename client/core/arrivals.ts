import type { KeyText, Row } from '../../shared/change.ts'
import type { Position, Snapshot } from '../../shared/protocol.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'

type Rows = (readonly [KeyText, Row])[]

/** Puts snapshots together that come in chunks. */
export class Arrivals {
  /** No rows of what is complete. */
  readonly #arrived = new Map<SubscriptionId, { readonly to: Position; rows: Rows | undefined }>()

  /** All rows of a snapshot, once, when the last of them has come. */
  add({ subscription, to, rows, done }: Snapshot): Rows | undefined {
    let arrived = this.#arrived.get(subscription)
    if (arrived?.to !== to) this.#arrived.set(subscription, (arrived = { to, rows: [] }))
    const all = arrived.rows
    if (!all) return undefined
    for (const row of rows) all.push(row)
    if (!done) return undefined
    arrived.rows = undefined
    return all
  }

  /** The next snapshot of this is another one, also if it is of the same position. */
  forget(id: SubscriptionId): void {
    this.#arrived.delete(id)
  }

  clear(): void {
    this.#arrived.clear()
  }
}
