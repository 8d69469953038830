import type { KeyText, Row } from '../../shared/change.ts'
import type { WireChange } from '../../shared/protocol.ts'
import { Holding, type HoldingParts } from './holding.ts'
import { KeyList } from './key-list.ts'
import type { RowHolder } from './relation-rows.ts'
import { sameItems, type Result } from './result.ts'

type Parts = readonly (readonly Row[])[]

/** The rows of a table, or those that a filter and a limit leave, in their order. */
export class TableHolding extends Holding implements RowHolder {
  readonly #isOrdered: boolean
  #keys = new KeyList()
  /** What was shown last. */
  #parts: Parts = []

  constructor(parts: HoldingParts, isOrdered: boolean) {
    super(parts)
    this.#isOrdered = isOrdered
  }

  apply(change: WireChange): boolean {
    const { key } = change
    switch (change.op) {
      case 'row_insert':
        this.rows.hold(this, key, change.row)
        if (this.#keys.append(key)) this.markChanged()
        return true
      case 'row_delete':
        if (this.#keys.delete(key)) this.markChanged()
        this.rows.release(this, key)
        return true
      case 'field_update':
        if (!this.#keys.has(key)) return false
        this.rows.update(key, change.fields)
        return true
    }
  }

  override move(moves: readonly (readonly [KeyText, KeyText | null])[]): boolean {
    this.markChanged()
    return this.#keys.move(moves)
  }

  release(): void {
    for (const key of this.#keys) this.rows.release(this, key)
    this.#keys = new KeyList()
    this.markChanged()
  }

  rowChanged(key: KeyText): void {
    this.#keys.touch(key)
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
    this.#keys = keys
    this.markChanged()
  }

  protected show(before: Result<unknown>): Result<unknown> {
    const parts = this.#keys.rows((key) => this.rows.get(key) as Row) // held, so it is there
    const isSame = before.status === 'ready' && sameParts(parts, this.#parts)
    this.#parts = parts
    return isSame ? before : readyWith(parts)
  }
}

/**
 * The array of all rows is made when it is first read: a commit that comes before React has rendered the one before it costs
 * what it changes.
 */
function readyWith(parts: Parts): Result<readonly Row[]> {
  let data: readonly Row[] | undefined
  return {
    status: 'ready',
    get data() {
      return (data ??= joined(parts))
    },
  }
}

function joined(parts: Parts): Row[] {
  return ([] as Row[]).concat(...parts)
}

/** The first rows that differ are nearly always in the first blocks that do: then nothing else is looked at. */
function sameParts(a: Parts, b: Parts): boolean {
  const first = a.findIndex((part, index) => part !== b[index])
  if (first < 0) return a.length === b.length
  const others = b[first] ?? []
  if (a[first]?.some((row, index) => index < others.length && row !== others[index])) return false
  return sizeOf(a) === sizeOf(b) && sameItems(joined(a), joined(b))
}

function sizeOf(parts: Parts): number {
  return parts.reduce((size, part) => size + part.length, 0)
}
