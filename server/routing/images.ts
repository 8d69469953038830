import type pg from 'pg'
import type { KeyText, Row } from '../../shared/change.ts'
import type { RelationInfo } from './catalogue.ts'
import { readAs } from './read-as.ts'
import type { RoutedChange } from './routed-batch.ts'
import { selectByKeys } from './select.ts'
import type { Sight } from './sight.ts'

/** A row as it stands at the end of a batch, as far as a role may see its columns. */
export interface Image {
  /** JSON text. */
  readonly text: string
  readonly row: Row
}

/** The rows of a batch as they stand at its end, read when they are needed, and once. */
export class Images {
  readonly #client: pg.ClientBase
  readonly #relation: RelationInfo
  readonly #isEachAlone: boolean
  readonly #images = new Map<KeyText, Image>()

  /** @param isEachAlone nobody is asked of a row that somebody else has been named for */
  constructor(client: pg.ClientBase, relation: RelationInfo, { isEachAlone }: { isEachAlone: boolean }) {
    this.#client = client
    this.#relation = relation
    this.#isEachAlone = isEachAlone
  }

  get(key: KeyText): Image | undefined {
    return this.#images.get(key)
  }

  /** A row to which nothing has happened but that it came. */
  take({ row: { key, new: text }, content }: RoutedChange): void {
    const { visible } = this.#relation
    if (text !== null && visible === null) this.#images.set(key, { text, row: content })
    if (visible === null) return
    const row = Object.fromEntries(Object.entries(content).filter(([column]) => visible.has(column)))
    this.#images.set(key, { text: JSON.stringify(row), row })
  }

  /**
   * Reads those that are not known yet.
   *
   * @param seen for each key somebody who sees the row
   */
  async read(seen: Iterable<readonly [KeyText, Sight]>): Promise<void> {
    const bySight = new Map<Sight, KeyText[]>()
    for (const [key, sight] of seen) {
      if (this.#images.has(key)) continue
      const keys = bySight.get(sight)
      if (keys) keys.push(key)
      else bySight.set(sight, [key])
    }
    if (bySight.size === 0) return
    if (!this.#isEachAlone) return this.#read([...bySight.keys()], [...bySight.values()].flat())
    for (const [sight, keys] of bySight) await this.#read([sight], keys)
  }

  async #read(sights: readonly Sight[], of: readonly KeyText[]): Promise<void> {
    const { keyExpression, rowExpression } = this.#relation
    const columns = `${keyExpression} as key, (${rowExpression})::text as row`
    const keys = [...new Set(of)]
    const claims = sights.map((sight) => sight.claims)
    const select = selectByKeys(this.#relation, null, columns, keys)
    for (const { key, row } of await readAs(this.#client, this.#relation, claims, select))
      if (row !== null) this.#images.set(key, { text: row, row: JSON.parse(row) as Row })
  }
}
