import type { KeyText, Row, Value } from '../../shared/change.ts'
import { sameValue } from '../../shared/diff.ts'
import type { WireChange } from '../../shared/protocol.ts'
import { fieldOf, Holding, type HoldingParts } from './holding.ts'
import { readyWith, type Result } from './result.ts'

/** One column of one row; undefined while there is no such row. */
export class FieldHolding extends Holding {
  readonly #column: string
  /** Undefined while there is no such row. */
  #value: Value | undefined

  constructor(parts: HoldingParts, column: string) {
    super(parts)
    this.#column = column
  }

  apply(change: WireChange): boolean {
    switch (change.op) {
      case 'row_insert':
        this.#set(fieldOf(change.row, this.#column))
        return true
      case 'row_delete':
        this.#set(undefined)
        return true
      case 'field_update':
        if (this.#value === undefined) return false
        if (Object.hasOwn(change.fields, this.#column)) this.#set(fieldOf(change.fields, this.#column))
        return true
    }
  }

  release(): void {
    this.#set(undefined)
  }

  protected replace(snapshot: readonly (readonly [KeyText, Row])[]): void {
    const [found] = snapshot
    this.#set(found ? fieldOf(found[1], this.#column) : undefined)
  }

  /** An equal value stays the object that it was. */
  protected show(before: Result<unknown>): Result<unknown> {
    const shown = before.data as Value | undefined
    const isSame = shown !== undefined && this.#value !== undefined && sameValue(shown, this.#value)
    return readyWith(isSame ? shown : this.#value, before)
  }

  #set(value: Value | undefined): void {
    if (this.#value === value) return
    this.#value = value
    this.markChanged()
  }
}
