import type { KeyText, Row } from '../../shared/change.ts'
import { sameRow, withFields } from '../../shared/diff.ts'

/** Told, once a commit, of each row that it holds and that has changed. */
export interface RowHolder {
  rowChanged(key: KeyText): void
}

/**
 * The rows of one relation: one object a row, whoever holds it, for as long as somebody holds it. Who
 * holds a row is kept by row, so that a change costs what shows it and not what is mounted.
 */
export class RelationRows {
  readonly #rows = new Map<KeyText, Row>()
  /** Most rows have one holder, and need no set for it. */
  readonly #holders = new Map<KeyText, RowHolder | Set<RowHolder>>()
  /** What each row touched since the last commit was before. */
  readonly #before = new Map<KeyText, Row | undefined>()

  get rows(): ReadonlyMap<KeyText, Row> {
    return this.#rows
  }

  get(key: KeyText): Row | undefined {
    return this.#rows.get(key)
  }

  /** Takes hold of a row as it stands now. Holding it again only renews it. */
  hold(holder: RowHolder, key: KeyText, row: Row): void {
    const holders = this.#holders.get(key)
    if (!holders) this.#holders.set(key, holder)
    else if (holders instanceof Set) holders.add(holder)
    else if (holders !== holder) this.#holders.set(key, new Set([holders, holder]))
    this.#put(key, row)
  }

  /** Lets go of a row. The last one to do so removes it. */
  release(holder: RowHolder, key: KeyText): void {
    const holders = this.#holders.get(key)
    if (holders instanceof Set) {
      holders.delete(holder)
      if (holders.size > 0) return
    } else if (holders !== holder) return
    this.#holders.delete(key)
    this.#note(key)
    this.#rows.delete(key)
  }

  /** Replaces some fields of a row that is held. */
  update(key: KeyText, fields: Row): void {
    const row = this.#rows.get(key)
    if (row) this.#put(key, withFields(row, fields))
  }

  /**
   * Ends a commit: rows that came out equal get back the object that they were, and the holders of all
   * others are told. Whether anything has changed at all.
   */
  commit(): boolean {
    let hasChanged = false
    for (const [key, before] of this.#before) {
      const row = this.#rows.get(key)
      if (row === before) continue
      if (row && before && sameRow(row, before)) {
        this.#rows.set(key, before)
        continue
      }
      hasChanged = true
      const holders = this.#holders.get(key)
      if (holders instanceof Set) for (const holder of holders) holder.rowChanged(key)
      else holders?.rowChanged(key)
    }
    this.#before.clear()
    return hasChanged
  }

  #put(key: KeyText, row: Row): void {
    this.#note(key)
    this.#rows.set(key, row)
  }

  #note(key: KeyText): void {
    if (!this.#before.has(key)) this.#before.set(key, this.#rows.get(key))
  }
}

/**
 * A relation's rows for readers of the store. A commit that changes one makes a new view, so that
 * selectors notice; all views show the rows as they stand now, since copying them would cost their number.
 */
export class RelationView implements ReadonlyMap<KeyText, Row> {
  readonly #rows: ReadonlyMap<KeyText, Row>

  constructor(rows: ReadonlyMap<KeyText, Row>) {
    this.#rows = rows
  }

  get size(): number {
    return this.#rows.size
  }

  get(key: KeyText): Row | undefined {
    return this.#rows.get(key)
  }

  has(key: KeyText): boolean {
    return this.#rows.has(key)
  }

  keys(): MapIterator<KeyText> {
    return this.#rows.keys()
  }

  values(): MapIterator<Row> {
    return this.#rows.values()
  }

  entries(): MapIterator<[KeyText, Row]> {
    return this.#rows.entries()
  }

  [Symbol.iterator](): MapIterator<[KeyText, Row]> {
    return this.#rows[Symbol.iterator]()
  }

  forEach(callback: (row: Row, key: KeyText, rows: ReadonlyMap<KeyText, Row>) => void): void {
    for (const [key, row] of this.#rows) callback(row, key, this)
  }
}
