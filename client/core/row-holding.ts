import type { KeyText, Row } from '../../shared/change.ts'
import type { WireChange } from '../../shared/protocol.ts'
import { Holding } from './holding.ts'
import type { RowHolder } from './relation-rows.ts'
import { readyWith, type Result } from './result.ts'

/** One row, or null while there is none. */
export class RowHolding extends Holding implements RowHolder {
  #key: KeyText | undefined

  apply(change: WireChange): boolean {
    switch (change.op) {
      case 'row_insert':
        this.#hold(change.key, change.row)
        return true
      case 'row_delete':
        this.release()
        return true
      case 'field_update':
        if (this.#key === undefined) return false
        this.rows.update(this.#key, change.fields)
        return true
    }
  }

  release(): void {
    if (this.#key === undefined) return
    this.rows.release(this, this.#key)
    this.#key = undefined
    this.markChanged()
  }

  rowChanged(): void {
    this.markChanged()
  }

  protected replace(snapshot: readonly (readonly [KeyText, Row])[]): void {
    const [found] = snapshot
    if (!found || found[0] !== this.#key) this.release()
    if (found) this.#hold(...found)
  }

  protected show(before: Result<unknown>): Result<unknown> {
    return readyWith(this.#key === undefined ? null : (this.rows.get(this.#key) ?? null), before)
  }

  #hold(key: KeyText, row: Row): void {
    // the row itself may be known already, and so unchanged
    if (this.#key === undefined) this.markChanged()
    this.#key = key
    this.rows.hold(this, key, row)
  }
}
