import type pg from 'pg'
import type { KeyText } from '../../shared/change.ts'
import { Breather } from '../breather.ts'
import { decideWindows, isOrdered, type Concern, type Decision } from './decide-windows.ts'
import { Images } from './images.ts'
import { NetChanges } from './net-changes.ts'
import type { RoutedBatch, RoutedChange } from './routed-batch.ts'
import { columnOf } from './shown.ts'
import type { Sight } from './sight.ts'
import { whoSees } from './who-sees.ts'
import { sightsOf, type Aspect, type View, type WindowFeed } from './window-index.ts'

/** What the followers of a feed hold once the batch has been sent, and hold no more. */
export interface WindowShift {
  readonly aspect: Aspect
  readonly feed: WindowFeed
  readonly entering: readonly KeyText[]
  readonly leaving: readonly KeyText[]
}

/**
 * Finds what a batch does to the feeds of one relation that do not show all rows to everybody: which rows enter, leave,
 * change or move. Who sees a row, and whether a filter, an order and a limit show it, is decided at the end of the batch, by
 * PostgreSQL wherever equality of encodings does not decide: so policies and filters mean what they mean in SQL.
 *
 * A change to a column that no policy and no feed reads keeps every row where it is, and asks nobody. Of a row that somebody
 * else may have seen in between, only what the batch comes to is told.
 *
 * @param unsettled those who may see other rows now than before, though nothing may have happened to these
 * @param client reads the database as it stood at the end of the batch
 */
export async function shiftWindows(
  client: pg.ClientBase,
  aspect: Aspect,
  changes: readonly RoutedChange[],
  unsettled: ReadonlySet<View>,
  batch: RoutedBatch,
): Promise<WindowShift[]> {
  const { relation } = aspect
  const byKey = groupByKey(changes)
  const images = new Images(client, relation, { isEachAlone: aspect.isToBeReread })
  const seen = aspect.isToBeReread ? new Map() : await viewsThatSee(client, aspect, byKey, images)
  const concerns = await passOn(aspect, byKey, unsettled, seen, images, batch)
  const decided = await decideWindows(client, aspect, concerns, seen, images)
  const isSecured = relation.security !== null
  await images.read(rowsToTell(decided, byKey, isSecured))
  const decisions = decided.map((decision) => asRead(decision, byKey, isSecured, images))
  const net = new NetChanges(relation, byKey, images, batch)
  const breather = new Breather()
  for (const decision of decisions) {
    if (breather.isDue) await breather.rest()
    const { feed, after, touched, leaving, entering, staying } = decision
    const column = columnOf(feed.definition)
    const deliver = (all: readonly RoutedChange[]) => {
      for (const change of all) batch.deliver(feed, change, column)
    }
    for (const key of leaving) deliver(net.leaving(key))
    for (const key of entering) deliver(net.entering(key))
    for (const key of staying) deliver(isSecured ? net.staying(key) : (byKey.get(key) ?? []))
    if (after && isOrdered(feed)) batch.move(feed, placesOf(after, touched, new Set(entering)))
  }
  return decisions.map(({ feed, entering, leaving }) => ({ aspect, feed, entering, leaving }))
}

/** Which views see the rows that may have moved, as they are now. */
async function viewsThatSee(
  client: pg.ClientBase,
  aspect: Aspect,
  byKey: ReadonlyMap<KeyText, readonly RoutedChange[]>,
  images: Images,
): Promise<Map<KeyText, Set<View>>> {
  const seen = new Map<KeyText, Set<View>>()
  const besides = new Set<View>()
  const keys: KeyText[] = []
  for (const [key, ofKey] of byKey) {
    const [last] = ofKey.slice(-1)
    if (last?.row.op === 'row_delete') continue
    if (!ofKey.some((change) => canMove(change, (column) => aspect.reads(column)))) continue
    if (last?.row.op === 'row_insert') images.take(last)
    const row = images.get(key)?.row
    const views = aspect.viewsOf(key, row)
    if (views.size === 0 && aspect.openViews.size === 0) continue
    keys.push(key)
    for (const view of views) besides.add(view)
  }
  if (keys.length === 0) return seen
  if (aspect.relation.security === null) {
    // Who may see the table sees the row, if it is there.
    const asked = new Set([...aspect.openViews, ...besides])
    const [view] = asked
    if (!view) return seen
    await images.read(keys.map((key) => [key, view.sight]))
    for (const key of keys) if (images.get(key)) seen.set(key, asked)
    return seen
  }
  const sights = besides.size === 0 ? aspect.openSights : sightsOf([...aspect.openViews, ...besides])
  for (const [key, seers] of await whoSees(client, aspect.relation, sights, keys))
    seen.set(key, new Set(seers.flatMap(({ name }) => aspect.views.get(name) ?? [])))
  const lookers = [...seen].flatMap(([key, views]): [KeyText, Sight][] => {
    const looker = [...views].find(({ looksInside }) => looksInside)
    return looker ? [[key, looker.sight]] : []
  })
  await images.read(lookers)
  return seen
}

/**
 * Finds the feeds that must look again. All others that hold a changed row are just told of the change: they held it before
 * and they hold it after.
 */
async function passOn(
  aspect: Aspect,
  byKey: ReadonlyMap<KeyText, readonly RoutedChange[]>,
  unsettled: ReadonlySet<View>,
  seen: ReadonlyMap<KeyText, ReadonlySet<View>>,
  images: Images,
  batch: RoutedBatch,
): Promise<Concern[]> {
  const concerns = new Map<WindowFeed, Concern>()
  const breather = new Breather()
  for (const view of unsettled)
    for (const feed of view.feeds)
      concerns.set(feed, { feed, touched: new Set(byKey.keys()), isReread: true })
  for (const [key, ofKey] of byKey) {
    if (breather.isDue) await breather.rest()
    const row = images.get(key)?.row
    const candidates = [...(seen.get(key) ?? [])].flatMap((view) => [...view.candidates(key, row)])
    for (const feed of new Set([...aspect.holders(key), ...candidates])) {
      const { query, keys } = feed.window
      const concern = concerns.get(feed)
      if (concern?.touched.has(key)) continue
      const reads = (column: string) => aspect.decides(column) || (query?.columns.has(column) ?? false)
      if (ofKey.some((change) => canMove(change, reads))) {
        if (concern) concern.touched.add(key)
        else concerns.set(feed, { feed, touched: new Set([key]), isReread: isOrdered(feed) })
      } else if (keys.has(key))
        for (const change of ofKey) batch.deliver(feed, change, columnOf(feed.definition))
    }
  }
  return [...concerns.values()]
}

/** True if a change can bring its row into, out of or to another place of a window that reads these columns. */
function canMove(change: RoutedChange, reads: (column: string) => boolean): boolean {
  return change.row.op !== 'field_update' || Object.keys(change.content).some(reads)
}

/** Of which rows it takes the end of the batch to tell what has become of them, each with somebody who sees it. */
function* rowsToTell(
  decisions: readonly Decision[],
  byKey: ReadonlyMap<KeyText, readonly RoutedChange[]>,
  isNet: boolean,
): Iterable<[KeyText, Sight]> {
  for (const { feed, entering, staying } of decisions) {
    const { sight } = feed.definition
    for (const key of entering) yield [key, sight]
    if (isNet) for (const key of staying) if ((byKey.get(key)?.length ?? 0) > 1) yield [key, sight]
  }
}

/** A policy may say something else each time it is asked. What could not be read after all is not shown. */
function asRead(
  decision: Decision,
  byKey: ReadonlyMap<KeyText, readonly RoutedChange[]>,
  isNet: boolean,
  images: Images,
): Decision {
  const unread = new Set<KeyText>()
  for (const [key] of rowsToTell([decision], byKey, isNet)) if (!images.get(key)) unread.add(key)
  if (unread.size === 0) return decision
  const isRead = (key: KeyText): boolean => !unread.has(key)
  const { entering, staying, leaving, after } = decision
  return {
    ...decision,
    entering: entering.filter(isRead),
    staying: staying.filter(isRead),
    leaving: [...leaving, ...staying.filter((key) => !isRead(key))],
    after: after && new Set([...after].filter(isRead)),
  }
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
function placesOf(
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
