import type { KeyText, RelationName, Row } from '../../shared/change.ts'
import type { Batch, ResetReason, Snapshot, Subscribed, WireChange } from '../../shared/protocol.ts'
import type { Subscription, SubscriptionId } from '../../shared/subscription.ts'
import { recordsOf, type ChangeRecord } from './change-record.ts'
import { ColumnHolding } from './column-holding.ts'
import { FieldHolding } from './field-holding.ts'
import type { Holding, HoldingParts } from './holding.ts'
import type { Recording } from './recording.ts'
import { RelationRows, RelationView } from './relation-rows.ts'
import { RowHolding } from './row-holding.ts'
import { TableHolding } from './table-holding.ts'

/** What a commit came to. Whoever reads the replica reads it after this, never in between. */
export interface Commit {
  /** What may show something else now, each once. */
  readonly changed: ReadonlySet<Holding>
  /** What a change could not be applied to: each needs a fresh snapshot. */
  readonly lost: ReadonlySet<Holding>
  /** Those that have something to tell. */
  readonly recordings: ReadonlySet<Recording>
  readonly relations: ReadonlyMap<RelationName, RelationView>
}

/**
 * What the client holds of the database: rows once each, and for each of the server's subscriptions
 * what it shows of them. Messages are applied in place, in the order in which they came, and become
 * visible together with `commit`.
 */
export class Replica {
  readonly #rows = new Map<RelationName, RelationRows>()
  readonly #holdings = new Map<SubscriptionId, Holding>()
  readonly #recordings = new Map<Holding, readonly Recording[]>()
  #relations: ReadonlyMap<RelationName, RelationView> = new Map()
  #changed = new Set<Holding>()
  #lost = new Set<Holding>()
  #recorded = new Set<Recording>()

  /** The holding for a subscription, made if there is none yet. */
  open(subscribed: Subscribed, subscription: Subscription): Holding {
    const { id, relation } = subscribed
    let holding = this.#holdings.get(id)
    if (!holding) {
      let rows = this.#rows.get(relation)
      if (!rows) this.#rows.set(relation, (rows = new RelationRows()))
      holding = createHolding(subscription, {
        id,
        relation,
        rows,
        changed: (changed) => this.#changed.add(changed),
      })
      this.#holdings.set(id, holding)
    }
    return holding
  }

  get(id: SubscriptionId): Holding | undefined {
    return this.#holdings.get(id)
  }

  /** Forgets a subscription, and the rows that nobody else holds. */
  close(id: SubscriptionId): void {
    const holding = this.#holdings.get(id)
    if (!holding) return
    this.#holdings.delete(id)
    this.#recordings.delete(holding)
    holding.isCurrent = false
    holding.release()
  }

  /** Keeps the changes that reach a holding from now on for these, and for no others. */
  record(holding: Holding, recordings: readonly Recording[]): void {
    if (recordings.length === 0) this.#recordings.delete(holding)
    else this.#recordings.set(holding, recordings)
    if (holding.isCurrent) for (const recording of recordings) recording.begin()
  }

  /** Everything held is from before a break in the history: it stays visible until its snapshot comes. */
  expire(reason?: ResetReason): void {
    for (const holding of this.#holdings.values()) holding.isCurrent = false
    if (!reason) return
    for (const recordings of this.#recordings.values())
      for (const recording of recordings) recording.interrupt(reason)
  }

  /**
   * Applies a snapshot, whole. Of an unknown subscription (it has just been left) it is ignored.
   *
   * @param isContinuous what is current has missed nothing up to it
   */
  applySnapshot(
    { subscription, to, shape }: Snapshot,
    rows: readonly (readonly [KeyText, Row])[],
    isContinuous: boolean,
  ): void {
    const holding = this.#holdings.get(subscription)
    if (!holding) return
    for (const recording of this.#recordings.get(holding) ?? []) {
      recording.resume(holding.relation, to, isContinuous && holding.isCurrent)
      this.#recorded.add(recording)
    }
    holding.take(rows, shape)
  }

  /** Applies a batch at the cost of what it changes. What cannot be applied is noted as lost. */
  applyBatch(batch: Batch): void {
    const holdings = batch.subscriptions.map((id) => this.#holdings.get(id))
    const isRecorded = holdings.some((holding) => holding && this.#recordings.has(holding))
    for (const transaction of batch.transactions)
      for (const change of transaction.changes) {
        // read before the first recipient applies it: rows are shared
        const previous = isRecorded ? this.#rows.get(change.relation)?.get(change.key) : undefined
        for (const index of change.for) {
          const holding = holdings[index]
          if (!holding) continue
          if (!holding.isCurrent) this.#keepInbox(holding, change, batch, transaction)
          else if (!holding.apply(change)) this.#lose(holding)
          else if (isRecorded && (previous || change.op !== 'row_delete'))
            this.#keep(holding, recordsOf(change, previous, batch, transaction))
        }
      }
    for (const { for: index, moves } of batch.orders ?? []) {
      const holding = holdings[index]
      if (holding?.isCurrent && !holding.move(moves)) this.#lose(holding)
    }
  }

  commit(): Commit {
    const touched = [...this.#rows].filter(([, rows]) => rows.commit())
    if (touched.length > 0) {
      const relations = new Map(this.#relations)
      for (const [relation, rows] of touched) relations.set(relation, new RelationView(rows.rows))
      this.#relations = relations
    }
    const commit = {
      changed: this.#changed,
      lost: this.#lost,
      recordings: this.#recorded,
      relations: this.#relations,
    }
    this.#changed = new Set()
    this.#lost = new Set()
    this.#recorded = new Set()
    return commit
  }

  #lose(holding: Holding): void {
    holding.isCurrent = false
    this.#lost.add(holding)
  }

  #keep(holding: Holding, records: readonly ChangeRecord[]): void {
    for (const recording of this.#recordings.get(holding) ?? []) {
      recording.keep(records)
      this.#recorded.add(recording)
    }
  }

  /** Of what has happened before the rows are there, what they were before is not known. */
  #keepInbox(
    holding: Holding,
    change: WireChange,
    batch: Batch,
    transaction: Batch['transactions'][number],
  ): void {
    for (const recording of this.#recordings.get(holding) ?? []) {
      if (!recording.awaitsInbox) continue
      recording.keep(recordsOf(change, undefined, batch, transaction))
      this.#recorded.add(recording)
    }
  }
}

function createHolding(subscription: Subscription, parts: HoldingParts): Holding {
  switch (subscription.kind) {
    case 'table':
      return new TableHolding(parts, subscription.orderBy !== undefined || subscription.limit !== undefined)
    case 'row':
      return new RowHolding(parts)
    case 'column':
      return new ColumnHolding(parts, subscription.column)
    case 'field':
      return new FieldHolding(parts, subscription.column)
  }
}
