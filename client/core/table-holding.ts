import type { KeyText, Row } from '../../shared/change.ts'
import type { WireChange } from '../../shared/protocol.ts'
import { Holding, type HoldingParts } from './holding.ts'
import { KeyList } from './key-list.ts'
import type { RowHolder } from './relation-rows.ts'

/** The rows of a table, or those that a filter and a limit leave, in their order. */
export class TableHolding extends Holding implements RowHolder {
  readonly #isOrdered: boolean
  #keys = new KeyList()
  #data: readonly Row[] | undefined
  /** Where each row is in `#data`; made when a row first changes in place. */
  #indexes: Map<KeyText, number> | undefined
  readonly #replaced = new Set<KeyText>()

  constructor(parts: HoldingParts, isOrdered: boolean) {
    super(parts)
    this.#isOrdered = isOrdered
  }

  apply(change: WireChange): boolean {
    const { key } = change
    switch (change.op) {
      case 'row_insert':
        this.rows.hold(this, key, change.row)
        if (this.#keys.append(key)) this.#reorder()
        return true
      case 'row_delete':
        if (this.#keys.delete(key)) this.#reorder()
        this.rows.release(this, key)
        return true
      case 'field_update':
        if (!this.#keys.has(key)) return false
        this.rows.update(key, change.fields)
        return true
    }
  }

  override move(moves: readonly (readonly [KeyText, KeyText | null])[]): boolean {
    this.#reorder()
    return this.#keys.move(moves)
  }

  release(): void {
    for (const key of this.#keys) this.rows.release(this, key)
    this.#keys = new KeyList()
    this.#reorder()
  }

  rowChanged(key: KeyText): void {
    if (this.#data) this.#replaced.add(key)
    this.markChanged()
  }

  /** Rows that nothing orders stay where they were: that PostgreSQL reads them in another order is no news. */
  protected replace(snapshot: readonly (readonly [KeyText, Row])[]): void {
    const keys = new KeyList()
    if (this.#keys.size > 0) {
      const arrived = new Set(snapshot.map(([key]) => key))
      if (!this.#isOrdered) for (const key of this.#keys) if (arrived.has(key)) keys.append(key)
      for (const key of this.#keys) if (!arrived.has(key)) this.rows.release(this, key)
    }
    for (const [key, row] of snapshot) {
      keys.append(key)
      this.rows.hold(this, key, row)
    }
    if (!sameKeys(this.#keys, keys)) this.#reorder()
    this.#keys = keys
  }

  protected read(): readonly Row[] {
    if (!this.#data) {
      const data: Row[] = []
      for (const key of this.#keys) data.push(this.#row(key))
      this.#data = data
    } else {
      this.#indexes ??= new Map(Array.from(this.#keys, (key, index) => [key, index]))
      const data = this.#data.slice()
      for (const key of this.#replaced) data[this.#indexes.get(key) as number] = this.#row(key)
      this.#data = data
    }
    this.#replaced.clear()
    return this.#data
  }

  #row(key: KeyText): Row {
    return this.rows.get(key) as Row // held, so it is there
  }

  #reorder(): void {
    this.#data = undefined
    this.#indexes = undefined
    this.#replaced.clear()
    this.markChanged()
  }
}

function sameKeys(a: KeyList, b: KeyList): boolean {
  if (a.size !== b.size) return false
  const others = b[Symbol.iterator]()
  for (const key of a) if (others.next().value !== key) return false
  return true
}
