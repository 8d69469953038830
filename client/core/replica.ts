import type { KeyText, RelationName, Row } from '../../shared/change.ts'
import type { Batch, Subscribed } from '../../shared/protocol.ts'
import type { Subscription, SubscriptionId } from '../../shared/subscription.ts'
import { recordsOf, type ChangeRecord } from './change-record.ts'
import { ColumnHolding } from './column-holding.ts'
import { FieldHolding } from './field-holding.ts'
import type { Holding, HoldingParts } from './holding.ts'
import { RelationRows, RelationView } from './relation-rows.ts'
import { RowHolding } from './row-holding.ts'
import { TableHolding } from './table-holding.ts'

/** What a commit came to. Whoever reads the replica reads it after this, never in between. */
export interface Commit {
  /** What may show something else now, each once. */
  readonly changed: ReadonlySet<Holding>
  /** What a change could not be applied to: each needs a fresh snapshot. */
  readonly lost: ReadonlySet<Holding>
  /** The atoms as they came, for the holdings that are recorded. */
  readonly records: ReadonlyMap<Holding, readonly ChangeRecord[]>
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
  readonly #recorded = new Set<Holding>()
  #relations: ReadonlyMap<RelationName, RelationView> = new Map()
  #changed = new Set<Holding>()
  #lost = new Set<Holding>()
  #records = new Map<Holding, ChangeRecord[]>()

  /** The holding for a subscription, made if there is none yet. */
  open(subscribed: Subscribed, subscription: Subscription): Holding {
    const { id, relation } = subscribed
    let holding = this.#holdings.get(id)
    if (!holding) {
      let rows = this.#rows.get(relation)
      if (!rows) this.#rows.set(relation, (rows = new RelationRows()))
      holding = createHolding(subscription, { id, rows, changed: (changed) => this.#changed.add(changed) })
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
    this.#recorded.delete(holding)
    holding.isCurrent = false
    holding.release()
  }

  /** Whether the atoms that reach a holding are to be kept for the next commit. */
  record(holding: Holding, isRecorded: boolean): void {
    if (isRecorded) this.#recorded.add(holding)
    else this.#recorded.delete(holding)
  }

  /** Everything held is from before a break in the history: it stays visible until its snapshot comes. */
  expire(): void {
    for (const holding of this.#holdings.values()) holding.isCurrent = false
  }

  /** Applies a snapshot, whole. Of an unknown subscription (it has just been left) it is ignored. */
  applySnapshot(id: SubscriptionId, rows: readonly (readonly [KeyText, Row])[], shape: string): void {
    this.#holdings.get(id)?.take(rows, shape)
  }

  /** Applies a batch at the cost of what it changes. What cannot be applied is noted as lost. */
  applyBatch(batch: Batch): void {
    const holdings = batch.subscriptions.map((id) => this.#holdings.get(id))
    for (const transaction of batch.transactions)
      for (const change of transaction.changes) {
        // read before the first recipient applies it: rows are shared
        const previous =
          this.#recorded.size > 0 ? this.#rows.get(change.relation)?.get(change.key) : undefined
        for (const index of change.for) {
          const holding = holdings[index]
          if (!holding?.isCurrent) continue
          if (!holding.apply(change)) this.#lose(holding)
          else if (this.#recorded.has(holding))
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
      records: this.#records,
      relations: this.#relations,
    }
    this.#changed = new Set()
    this.#lost = new Set()
    this.#records = new Map()
    return commit
  }

  #lose(holding: Holding): void {
    holding.isCurrent = false
    this.#lost.add(holding)
  }

  #keep(holding: Holding, records: readonly ChangeRecord[]): void {
    const kept = this.#records.get(holding)
    if (kept) kept.push(...records)
    else this.#records.set(holding, [...records])
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
