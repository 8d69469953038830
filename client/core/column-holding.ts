import type { KeyText, Row, Value } from '../../shared/change.ts'
import { sameValue } from '../../shared/diff.ts'
import type { WireChange } from '../../shared/protocol.ts'
import { fieldOf, Holding, type HoldingParts } from './holding.ts'
import type { ColumnEntry } from './tables.ts'
import { readyWith, sameItems, type Result } from './result.ts'

/** One column of every row. It keeps values and no rows: the others of a row's columns are not known. */
export class ColumnHolding extends Holding {
  readonly #column: string
  readonly #entries = new Map<KeyText, ColumnEntry<Value>>()
  /** The entries that were shown in place of those that have changed since. */
  readonly #shown = new Map<KeyText, ColumnEntry<Value>>()

  constructor(parts: HoldingParts, column: string) {
    super(parts)
    this.#column = column
  }

  apply(change: WireChange): boolean {
    const { key } = change
    switch (change.op) {
      case 'row_insert':
        this.#set(key, fieldOf(change.row, this.#column))
        return true
      case 'row_delete':
        this.#delete(key)
        return true
      case 'field_update':
        if (!this.#entries.has(key)) return false
        if (Object.hasOwn(change.fields, this.#column)) this.#set(key, fieldOf(change.fields, this.#column))
        return true
    }
  }

  release(): void {
    this.#entries.clear()
    this.markChanged()
  }

  protected replace(snapshot: readonly (readonly [KeyText, Row])[]): void {
    const arrived = new Map(snapshot)
    for (const key of [...this.#entries.keys()]) {
      if (!arrived.has(key)) this.#delete(key)
    }
    for (const [key, row] of arrived) this.#set(key, fieldOf(row, this.#column))
  }

  protected show(before: Result<unknown>): Result<unknown> {
    for (const [key, shown] of this.#shown) {
      const entry = this.#entries.get(key)
      if (entry && sameValue(entry.value, shown.value)) this.#entries.set(key, shown)
    }
    this.#shown.clear()
    const entries = [...this.#entries.values()]
    const shown = before.data as readonly unknown[] | undefined
    return readyWith(shown && sameItems(entries, shown) ? shown : entries, before)
  }

  #set(key: KeyText, value: Value): void {
    const known = this.#entries.get(key)
    if (known && sameValue(known.value, value)) return
    this.#keep(key)
    this.#entries.set(key, { key, value })
    this.markChanged()
  }

  #delete(key: KeyText): void {
    this.#keep(key)
    if (this.#entries.delete(key)) this.markChanged()
  }

  #keep(key: KeyText): void {
    const entry = this.#entries.get(key)
    if (entry && !this.#shown.has(key)) this.#shown.set(key, entry)
  }
}
