import type pg from 'pg'
import type { LogRow, LogTransaction } from '../log/read-log.ts'
import type { RelationInfo } from './catalogue.ts'
import type { Feed } from './feed.ts'
import { relationsRead } from '../policies/relations-read.ts'
import { RoutedBatch, type RoutedChange } from './routed-batch.ts'
import type { Routes } from './routes.ts'
import type { Aspect } from './window-index.ts'
import { shiftWindows, type WindowShift } from './shift-windows.ts'

/** PostgreSQL did not answer what feeds of a relation show that do not show all rows to everybody. */
export class WindowsUnreadable extends Error {
  readonly aspect: Aspect

  constructor(aspect: Aspect, cause: unknown) {
    super(`could not read what subscriptions of ${aspect.relation.name} show`, { cause })
    this.aspect = aspect
  }
}

/**
 * Works out whom transactions concern, but for the feeds that do not show all rows to everybody.
 *
 * @param each told of each change of a relation that is known, after all whom it concerns
 * @param isNew false if a feed's followers have had a transaction already
 */
export function routeChanges(
  transactions: readonly LogTransaction[],
  routes: Routes,
  relationOf: (id: number) => RelationInfo | undefined,
  each: (change: RoutedChange) => void = () => undefined,
  isNew: (feed: Feed, transactionId: string) => boolean = () => true,
): RoutedBatch {
  const batch = new RoutedBatch(transactions)
  transactions.forEach((transaction, index) => {
    for (const row of transaction.rows) {
      const relation = relationOf(row.relationId)
      if (!relation) continue
      const change = batch.append(index, relation.name, row)
      routes.match(
        row,
        () => Object.keys(change.content),
        (feed, column) => {
          if (isNew(feed, transaction.id)) batch.deliver(feed, change, column)
        },
      )
      each(change)
    }
  })
  return batch
}

/** What a batch comes to. What is to be put into force together with the sending, so that a pass that fails half-way can be repeated. */
export interface Routed {
  readonly batch: RoutedBatch
  /** What followers of feeds with a window hold afterwards. */
  readonly shifts: readonly WindowShift[]
  /** Of these all has been read that their feeds show, as it was to be. */
  readonly reread: readonly Aspect[]
}

/** What one aspect has read is let go of: PostgreSQL's locks, which say what policies read, are to be those of one aspect. */
const beforeReading = 'savepoint rowcast_aspect'
const afterReading = 'rollback to savepoint rowcast_aspect; release savepoint rowcast_aspect'

/**
 * Works out whom the transactions of a batch concern. Alters nothing but what is known of policies.
 *
 * @throws {WindowsUnreadable}
 * @param unsettled relations of which anybody may see other rows than before, whatever the transactions say
 * @param setAside relations that are not looked at: who follows them begins anew
 * @param client reads the database as it stood at the end of the batch
 */
export async function routeBatch(
  transactions: readonly LogTransaction[],
  routes: Routes,
  relationOf: (id: number) => RelationInfo | undefined,
  { unsettled, setAside }: { unsettled: ReadonlySet<number>; setAside: ReadonlySet<number> },
  client: pg.ClientBase,
): Promise<Routed> {
  const changes = new Map<number, RoutedChange[]>()
  const batch = routeChanges(transactions, routes, relationOf, (change) => {
    const { relationId } = change.row
    if (!routes.windows(relationId)) return
    const ofRelation = changes.get(relationId)
    if (ofRelation) ofRelation.push(change)
    else changes.set(relationId, [change])
  })
  const decisive = decisiveRows(transactions, routes)
  const concerned = new Set([...changes.keys(), ...unsettled])
  for (const id of decisive.keys()) for (const dependant of routes.dependants(id)) concerned.add(dependant)
  for (const id of setAside) concerned.delete(id)

  const shifts: WindowShift[] = []
  const reread: Aspect[] = []
  for (const relationId of concerned)
    for (const aspect of routes.windows(relationId)?.aspects ?? []) {
      const isUnsettled = unsettled.has(relationId) && aspect.relation.security !== null
      const views =
        isUnsettled || aspect.isToBeReread
          ? new Set(aspect.views.values())
          : aspect.viewsConcernedBy(decisive)
      const ofRelation = changes.get(relationId) ?? []
      if (ofRelation.length === 0 && views.size === 0) continue
      try {
        await client.query(beforeReading)
        shifts.push(...(await shiftWindows(client, aspect, ofRelation, views, batch)))
        if (aspect.relation.security?.isOpaque) routes.observe(relationId, await relationsRead(client))
        await client.query(afterReading)
        if (aspect.isToBeReread) reread.push(aspect)
      } catch (cause) {
        throw new WindowsUnreadable(aspect, cause)
      }
    }
  return { batch, shifts, reread }
}

/** The changes of relations that policies read, by relation. */
function decisiveRows(transactions: readonly LogTransaction[], routes: Routes): Map<number, LogRow[]> {
  const decisive = new Map<number, LogRow[]>()
  for (const { rows } of transactions)
    for (const row of rows) {
      if (!routes.decides(row.relationId)) continue
      const ofRelation = decisive.get(row.relationId)
      if (ofRelation) ofRelation.push(row)
      else decisive.set(row.relationId, [row])
    }
  return decisive
}
