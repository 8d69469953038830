import type pg from 'pg'
import type { KeyText, Row } from '../../shared/change.ts'
import type { RelationInfo } from './catalogue.ts'
import type { RoutedBatch, RoutedChange } from './routed-batch.ts'
import { asQuery, filteredSelect, selectByKeys } from './select.ts'
import type { WindowFeed, WindowIndex } from './window-index.ts'

/** What the followers of a feed hold once the batch has been sent. */
export interface WindowShift {
  readonly index: WindowIndex
  readonly feed: WindowFeed
  readonly keys: ReadonlySet<KeyText>
}

/** A row as it stands at the end of the batch. */
interface Image {
  readonly text: string
  readonly row: Row
}

/**
 * Finds what a batch's changes of one relation do to its filtered, ordered and limited feeds: which rows
 * enter, leave, change or move. Membership is decided at the end of the batch, by PostgreSQL wherever
 * equality of encodings does not decide, so a filter and an order mean what they mean in SQL.
 *
 * A change to a column that no feed reads keeps every row where it is, and asks nobody.
 */
export async function shiftWindows(
  client: pg.ClientBase,
  relation: RelationInfo,
  index: WindowIndex,
  changes: readonly RoutedChange[],
  batch: RoutedBatch,
): Promise<WindowShift[]> {
  const byKey = groupByKey(changes)
  const moved = [...byKey].filter(([, ofKey]) =>
    ofKey.some((change) => canMove(change, (column) => index.reads(column))),
  )
  const images = await readImages(
    client,
    relation,
    moved.filter(([, ofKey]) => ofKey.at(-1)?.row.op !== 'row_delete').map(([key]) => key),
  )

  // Which feeds must look again, and because of which rows; all other holders just pass the change on.
  const concerned = new Map<WindowFeed, Set<KeyText>>()
  for (const [key, ofKey] of byKey) {
    const image = images.get(key)
    for (const feed of new Set([...index.holders(key), ...(image ? index.candidates(image.row) : [])])) {
      if (ofKey.some((change) => canMove(change, (column) => feed.window.query.columns.has(column)))) {
        const keys = concerned.get(feed)
        if (keys) keys.add(key)
        else concerned.set(feed, new Set([key]))
      } else if (feed.window.keys.has(key)) for (const change of ofKey) batch.deliver(feed, change, null)
    }
  }

  const shifts: WindowShift[] = []
  for (const [feed, keys] of concerned) {
    const before = feed.window.keys
    const after = await keysAfter(client, relation, feed, keys, images)
    const leaving = [...(feed.window.query.orderBy.length > 0 ? before : keys)].filter(
      (key) => before.has(key) && !after.has(key),
    )
    const entering = [...(feed.window.query.orderBy.length > 0 ? after : keys)].filter(
      (key) => after.has(key) && !before.has(key),
    )
    const refills = entering.filter((key) => !images.has(key))
    for (const [key, image] of await readImages(client, relation, refills)) images.set(key, image)

    for (const key of leaving) {
      const own = onlyChange(byKey, key, 'row_delete')
      batch.deliver(feed, own ?? changeAtEnd(batch, relation, key, null), null)
    }
    for (const key of entering) {
      const own = onlyChange(byKey, key, 'row_insert')
      batch.deliver(feed, own ?? changeAtEnd(batch, relation, key, images.get(key)?.text ?? null), null)
    }
    for (const key of keys)
      if (before.has(key) && after.has(key))
        for (const change of byKey.get(key) ?? []) batch.deliver(feed, change, null)
    if (feed.window.query.orderBy.length > 0) batch.move(feed, movesOf(after, keys, new Set(entering)))
    shifts.push({ index, feed, keys: after })
  }
  return shifts
}

/** True if a change can bring its row into, out of or to another place of a window that reads these columns. */
function canMove(change: RoutedChange, reads: (column: string) => boolean): boolean {
  return change.row.op !== 'field_update' || Object.keys(change.content).some(reads)
}

async function readImages(
  client: pg.ClientBase,
  relation: RelationInfo,
  keys: readonly KeyText[],
): Promise<Map<KeyText, Image>> {
  if (keys.length === 0) return new Map()
  const { rows } = await client.query(
    asQuery(
      selectByKeys(
        relation,
        null,
        `${relation.keyExpression} as key, (${relation.rowExpression})::text as row`,
        keys,
      ),
    ),
  )
  return new Map(rows.map(({ key, row }) => [key, { text: row, row: JSON.parse(row) as Row }]))
}

/** What a feed shows at the end of the batch, in its order if it has one. */
async function keysAfter(
  client: pg.ClientBase,
  relation: RelationInfo,
  feed: WindowFeed,
  touched: ReadonlySet<KeyText>,
  images: ReadonlyMap<KeyText, Image>,
): Promise<ReadonlySet<KeyText>> {
  const { query, keys } = feed.window
  if (query.orderBy.length > 0) return readWindowKeys(client, relation, feed)
  const after = new Set(keys)
  const matching = query.isDecidedByEqualities
    ? [...touched].filter((key) => {
        const row = images.get(key)?.row
        return row && query.equalities.every(({ column, value }) => JSON.stringify(row[column]) === value)
      })
    : await readMatching(client, relation, feed, touched)
  for (const key of touched) after.delete(key)
  for (const key of matching) after.add(key)
  return after
}

async function readMatching(
  client: pg.ClientBase,
  relation: RelationInfo,
  feed: WindowFeed,
  keys: ReadonlySet<KeyText>,
): Promise<KeyText[]> {
  const select = selectByKeys(relation, feed.window.query, `${relation.keyExpression} as key`, [...keys])
  return (await client.query(asQuery(select))).rows.map((row) => row.key)
}

/** The keys that a feed's query selects now, in its order. */
export async function readWindowKeys(
  client: pg.ClientBase | pg.Pool,
  relation: RelationInfo,
  feed: Pick<WindowFeed, 'window'>,
): Promise<Set<KeyText>> {
  const select = filteredSelect(relation, feed.window.query, `${relation.keyExpression} as key`)
  return new Set((await client.query(asQuery(select))).rows.map((row) => row.key))
}

/** The change that by itself says that the row came or went; otherwise the net effect is told at the end. */
function onlyChange(
  byKey: ReadonlyMap<KeyText, readonly RoutedChange[]>,
  key: KeyText,
  op: 'row_insert' | 'row_delete',
): RoutedChange | undefined {
  const [change, ...more] = byKey.get(key) ?? []
  return change?.row.op === op && more.length === 0 ? change : undefined
}

function changeAtEnd(
  batch: RoutedBatch,
  relation: RelationInfo,
  key: KeyText,
  row: string | null,
): RoutedChange {
  const op = row === null ? 'row_delete' : 'row_insert'
  return batch.append(batch.transactions.length - 1, relation.name, {
    op,
    relationId: relation.id,
    key,
    new: row,
  })
}

function groupByKey(changes: readonly RoutedChange[]): Map<KeyText, RoutedChange[]> {
  const groups = new Map<KeyText, RoutedChange[]>()
  for (const change of changes) {
    const group = groups.get(change.row.key)
    if (group) group.push(change)
    else groups.set(change.row.key, [change])
  }
  return groups
}

/** Rows that nobody touched keep their order among themselves, so only the others need to be placed. */
function movesOf(
  after: ReadonlySet<KeyText>,
  touched: ReadonlySet<KeyText>,
  entering: ReadonlySet<KeyText>,
): [KeyText, KeyText | null][] {
  const moves: [KeyText, KeyText | null][] = []
  let previous: KeyText | null = null
  for (const key of after) {
    if (touched.has(key) || entering.has(key)) moves.push([key, previous])
    previous = key
  }
  return moves
}
