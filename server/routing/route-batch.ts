import type pg from 'pg'
import type { LogTransaction } from '../log/read-log.ts'
import type { RelationInfo } from './catalogue.ts'
import type { Feed } from './feed.ts'
import { RoutedBatch, type RoutedChange } from './routed-batch.ts'
import type { Routes } from './routes.ts'
import type { WindowIndex } from './window-index.ts'
import { shiftWindows, type WindowShift } from './shift-windows.ts'

/** PostgreSQL did not answer what the filtered, ordered and limited feeds of a relation show. */
export class WindowsUnreadable extends Error {
  readonly relation: RelationInfo
  readonly windows: WindowIndex

  constructor(relation: RelationInfo, windows: WindowIndex, cause: unknown) {
    super(`could not read what filtered subscriptions of ${relation.name} show`, { cause })
    this.relation = relation
    this.windows = windows
  }
}

/**
 * Works out whom transactions concern, but for the filtered, ordered and limited feeds.
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

/**
 * Works out whom the transactions of a batch concern.
 *
 * Alters nothing: what followers of filtered feeds hold afterwards is in `shifts`, to be put into
 * force together with the sending, so that a pass that fails half-way can be repeated.
 *
 * @throws {WindowsUnreadable}
 * @param client reads the database as it stood at the end of the batch
 */
export async function routeBatch(
  transactions: readonly LogTransaction[],
  routes: Routes,
  relationOf: (id: number) => RelationInfo | undefined,
  client: pg.ClientBase,
): Promise<{ batch: RoutedBatch; shifts: WindowShift[] }> {
  const windowed = new Map<number, RoutedChange[]>()
  const batch = routeChanges(transactions, routes, relationOf, (change) => {
    const { relationId } = change.row
    if (!routes.windows(relationId)) return
    const changes = windowed.get(relationId)
    if (changes) changes.push(change)
    else windowed.set(relationId, [change])
  })
  const shifts: WindowShift[] = []
  for (const [relationId, changes] of windowed) {
    const relation = relationOf(relationId)
    const windows = routes.windows(relationId)
    if (!relation || !windows) continue
    try {
      shifts.push(...(await shiftWindows(client, relation, windows, changes, batch)))
    } catch (cause) {
      throw new WindowsUnreadable(relation, windows, cause)
    }
  }
  return { batch, shifts }
}
