import type { KeyText, Row } from '../../shared/change.ts'

/** Of so many keys, more or less: smaller ones would be too many to look through, larger ones too long to make anew. */
const blockSize = 64

interface Block {
  readonly keys: KeyText[]
  /** What is shown for the keys, unless that has changed since it was read. */
  rows?: readonly Row[] | undefined
}

/**
 * Keys in an order, and the rows that are shown for them: both in blocks, because a row that changes or moves among 100,000 must
 * not cost 100,000.
 */
export class KeyList implements Iterable<KeyText> {
  readonly #blockOf = new Map<KeyText, Block>()
  readonly #blocks: Block[] = []

  get size(): number {
    return this.#blockOf.size
  }

  has(key: KeyText): boolean {
    return this.#blockOf.has(key)
  }

  /** Puts a key at the end, unless it is already somewhere. */
  append(key: KeyText): boolean {
    if (this.has(key)) return false
    const last = this.#blocks.at(-1)
    if (last && last.keys.length < blockSize) this.#put(key, last, last.keys.length)
    else this.#add([key], this.#blocks.length)
    return true
  }

  delete(key: KeyText): boolean {
    const block = this.touch(key)
    if (!block) return false
    this.#blockOf.delete(key)
    block.keys.splice(block.keys.indexOf(key), 1)
    if (block.keys.length === 0) this.#blocks.splice(this.#blocks.indexOf(block), 1)
    return true
  }

  /**
   * Takes out every key that is named, then puts each in, in the order given, right after its
   * predecessor (null: at the front). False, and nothing is promised of the order, if a key or a
   * predecessor is unknown.
   */
  move(moves: readonly (readonly [key: KeyText, predecessor: KeyText | null])[]): boolean {
    if (!moves.every(([key]) => this.has(key))) return false
    for (const [key] of moves) this.delete(key)
    let isComplete = true
    for (const [key, predecessor] of moves) {
      const block = predecessor === null ? this.#blocks[0] : this.#blockOf.get(predecessor)
      if (block) this.#put(key, block, predecessor === null ? 0 : block.keys.indexOf(predecessor) + 1)
      else this.append(key)
      if (!block && predecessor !== null) isComplete = false
    }
    return isComplete
  }

  /** Another row is to be shown for a key. */
  touch(key: KeyText): Block | undefined {
    const block = this.#blockOf.get(key)
    if (block) block.rows = undefined
    return block
  }

  /** The rows, a list a block, which stays the same list while they do. */
  rows(rowOf: (key: KeyText) => Row): readonly (readonly Row[])[] {
    return this.#blocks.map((block) => (block.rows ??= block.keys.map(rowOf)))
  }

  *[Symbol.iterator](): Iterator<KeyText> {
    for (const { keys } of this.#blocks) yield* keys
  }

  #put(key: KeyText, block: Block, index: number): void {
    block.keys.splice(index, 0, key)
    block.rows = undefined
    this.#blockOf.set(key, block)
    if (block.keys.length > 2 * blockSize)
      this.#add(block.keys.splice(blockSize), this.#blocks.indexOf(block) + 1)
  }

  #add(keys: KeyText[], index: number): void {
    const block = { keys }
    this.#blocks.splice(index, 0, block)
    for (const key of keys) this.#blockOf.set(key, block)
  }
}
