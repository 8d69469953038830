import type { KeyText } from '../../shared/change.ts'
import type { RelationInfo } from './catalogue.ts'
import type { Images } from './images.ts'
import type { RoutedBatch, RoutedChange } from './routed-batch.ts'

/**
 * What a batch comes to for one row: that it came, went or has other values at the end. A change that by itself says just
 * that is told as it is; else the effect is told at the end of the batch, once for all whom it concerns.
 */
export class NetChanges {
  readonly #relation: RelationInfo
  readonly #byKey: ReadonlyMap<KeyText, readonly RoutedChange[]>
  readonly #images: Images
  readonly #batch: RoutedBatch
  readonly #known = new Map<string, readonly RoutedChange[]>()

  constructor(
    relation: RelationInfo,
    byKey: ReadonlyMap<KeyText, readonly RoutedChange[]>,
    images: Images,
    batch: RoutedBatch,
  ) {
    this.#relation = relation
    this.#byKey = byKey
    this.#images = images
    this.#batch = batch
  }

  leaving(key: KeyText): readonly RoutedChange[] {
    return this.#once('row_delete', key, () => [
      this.#only(key, 'row_delete') ?? this.#atEnd(key, 'row_delete', null),
    ])
  }

  entering(key: KeyText): readonly RoutedChange[] {
    return this.#once('row_insert', key, () => [
      this.#only(key, 'row_insert') ?? this.#atEnd(key, 'row_insert', this.#image(key).text),
    ])
  }

  /** Of a row that was shown before and is shown after, though perhaps not in between. */
  staying(key: KeyText): readonly RoutedChange[] {
    const changes = this.#byKey.get(key) ?? []
    if (changes.length <= 1) return changes
    return this.#once('field_update', key, () => {
      if (changes.some(({ row }) => row.op !== 'field_update'))
        return [this.#atEnd(key, 'row_delete', null), this.#atEnd(key, 'row_insert', this.#image(key).text)]
      const { row } = this.#image(key)
      const columns = new Set(changes.flatMap(({ content }) => Object.keys(content)))
      const fields = Object.entries(row).filter(([column]) => columns.has(column))
      if (fields.length === 0) return [] // only such have changed as the role may not see
      return [this.#atEnd(key, 'field_update', JSON.stringify(Object.fromEntries(fields)))]
    })
  }

  #once(op: string, key: KeyText, make: () => readonly RoutedChange[]): readonly RoutedChange[] {
    const name = `${op} ${key}`
    const changes = this.#known.get(name) ?? make()
    this.#known.set(name, changes)
    return changes
  }

  #only(key: KeyText, op: RoutedChange['row']['op']): RoutedChange | undefined {
    const [change, ...more] = this.#byKey.get(key) ?? []
    return change?.row.op === op && more.length === 0 ? change : undefined
  }

  #image(key: KeyText): { text: string; row: object } {
    const image = this.#images.get(key)
    if (!image) throw new Error(`the row ${this.#relation.name} ${key} is shown, but has not been read`)
    return image
  }

  #atEnd(key: KeyText, op: RoutedChange['row']['op'], text: string | null): RoutedChange {
    const { id: relationId, name } = this.#relation
    return this.#batch.appendAtEnd(name, { op, relationId, key, new: text })
  }
}
