import type { KeyText, Row, Value } from '../../shared/change.ts'
import { sameValue } from '../../shared/diff.ts'
import type { WireChange } from '../../shared/protocol.ts'
import { fieldOf, Holding, type HoldingParts } from './holding.ts'
import type { ColumnEntry } from './tables.ts'

/** One column of every row. It keeps values and no rows: the others of a row's columns are not known. */
export class ColumnHolding extends Holding {
  readonly #column: string
  #entries = new Map<KeyText, ColumnEntry<Value>>()

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
        if (this.#entries.delete(key)) this.markChanged()
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
      if (arrived.has(key)) continue
      this.#entries.delete(key)
      this.markChanged()
    }
    for (const [key, row] of arrived) this.#set(key, fieldOf(row, this.#column))
  }

  protected read(): readonly ColumnEntry<Value>[] {
    return [...this.#entries.values()]
  }

  #set(key: KeyText, value: Value): void {
    const known = this.#entries.get(key)
    if (known && sameValue(known.value, value)) return
    this.#entries.set(key, { key, value })
    this.markChanged()
  }
}
