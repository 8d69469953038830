import type { KeyText, RelationName, Row, Value } from '../../shared/change.ts'
import type { WireChange } from '../../shared/protocol.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import type { RelationRows } from './relation-rows.ts'
import { loading, type Result } from './result.ts'

/** What the server calls a subscription, and where its rows go. */
export interface HoldingParts {
  readonly id: SubscriptionId
  readonly relation: RelationName
  readonly rows: RelationRows
  /** Called when what it shows has changed, maybe several times in a commit. */
  readonly changed: (holding: Holding) => void
}

/**
 * What the client holds for one subscription of the server. Several subscriptions of the page may
 * share it: the server gives `person` and `public.person` one id.
 */
export abstract class Holding {
  readonly id: SubscriptionId
  readonly relation: RelationName
  /** Whether it stands at the store's position; until a snapshot makes it so, changes pass it by. */
  isCurrent = false
  /** Of the rows held, as the server calls it. */
  shape: string | undefined
  protected readonly rows: RelationRows
  readonly #changed: (holding: Holding) => void
  #isReady = false
  #hasChanged = false
  #result: Result<unknown> = loading

  constructor({ id, relation, rows, changed }: HoldingParts) {
    this.id = id
    this.relation = relation
    this.rows = rows
    this.#changed = changed
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** What it shows: the same object until something of it changes. */
  get result(): Result<unknown> {
    if (this.#hasChanged) {
      this.#result = this.show(this.#result)
      this.#hasChanged = false
    }
    return this.#result
  }

  /** Takes a snapshot for all that there is. What it held already keeps its identity. */
  take(snapshot: readonly (readonly [KeyText, Row])[], shape: string): void {
    this.replace(snapshot)
    this.shape = shape
    this.isCurrent = true
    if (this.#isReady) return
    this.#isReady = true
    this.markChanged()
  }

  /** Applies a change, and says whether it could: an update of what is not there cannot be. */
  abstract apply(change: WireChange): boolean

  /** Gives rows new places. False if it knows no such rows, or has no order. */
  move(_moves: readonly (readonly [KeyText, KeyText | null])[]): boolean {
    return false
  }

  /** Lets go of all rows. */
  abstract release(): void

  protected abstract replace(snapshot: readonly (readonly [KeyText, Row])[]): void

  /** What it shows now, which is the same object as before if it says the same. */
  protected abstract show(before: Result<unknown>): Result<unknown>

  protected markChanged(): void {
    this.#hasChanged = this.#isReady
    this.#changed(this)
  }
}

/** A column's value, though a column may have the name of something that every object has. */
export function fieldOf(row: Row, column: string): Value {
  return Object.hasOwn(row, column) ? (row[column] ?? null) : null
}
