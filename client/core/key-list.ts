import type { KeyText } from '../../shared/change.ts'

interface Place {
  readonly key: KeyText
  before: Place | undefined
  after: Place | undefined
}

/** Keys in an order. A linked list, because a row that moves among 100,000 must not shift 100,000. */
export class KeyList implements Iterable<KeyText> {
  readonly #places = new Map<KeyText, Place>()
  #first: Place | undefined
  #last: Place | undefined

  get size(): number {
    return this.#places.size
  }

  has(key: KeyText): boolean {
    return this.#places.has(key)
  }

  /** Puts a key at the end, unless it is already somewhere. */
  append(key: KeyText): boolean {
    if (this.#places.has(key)) return false
    this.#link(key, this.#last)
    return true
  }

  delete(key: KeyText): boolean {
    const place = this.#places.get(key)
    if (!place) return false
    if (place.before) place.before.after = place.after
    else this.#first = place.after
    if (place.after) place.after.before = place.before
    else this.#last = place.before
    this.#places.delete(key)
    return true
  }

  /**
   * Takes out every key that is named, then puts each in, in the order given, right after its
   * predecessor (null: at the front). False, and nothing is promised of the order, if a key or a
   * predecessor is unknown.
   */
  move(moves: readonly (readonly [key: KeyText, predecessor: KeyText | null])[]): boolean {
    if (!moves.every(([key]) => this.#places.has(key))) return false
    for (const [key] of moves) this.delete(key)
    let isComplete = true
    for (const [key, predecessor] of moves) {
      const before = predecessor === null ? undefined : this.#places.get(predecessor)
      if (predecessor !== null && !before) isComplete = false
      this.#link(key, before ?? (predecessor === null ? undefined : this.#last))
    }
    return isComplete
  }

  *[Symbol.iterator](): Iterator<KeyText> {
    for (let place = this.#first; place; place = place.after) yield place.key
  }

  #link(key: KeyText, before: Place | undefined): void {
    const after = before ? before.after : this.#first
    const place: Place = { key, before, after }
    if (before) before.after = place
    else this.#first = place
    if (after) after.before = place
    else this.#last = place
    this.#places.set(key, place)
  }
}
