import type { RoutedBatch, Delivery, RoutedChange } from './routed-batch.ts'
import type { Feed } from './feed.ts'

/**
 * Writes what a batch means to those who follow exactly these of its feeds, as the JSON of a `batch` message.
 *
 * Rows go through as the text that PostgreSQL wrote: they are parsed only where a column is picked out.
 * A change that concerns several of the feeds is told once, and to each subscription once: while a relation changes, two
 * connections of a session may follow it in two states, which are two feeds of one subscription.
 *
 * @param part numbers the messages of a batch that is told in several
 */
export function encodeBatch(to: string, batch: RoutedBatch, feeds: readonly Feed[], part?: number): string {
  const recipients: Recipients = new Map()
  const orders: string[] = []
  const indexes = new Map<string, number>()
  for (const { definition } of feeds)
    if (!indexes.has(definition.id)) indexes.set(definition.id, indexes.size)
  for (const feed of feeds) {
    const of = batch.feeds.get(feed)
    const index = indexes.get(feed.definition.id)
    if (!of || index === undefined) continue
    for (const { change, columns } of of.deliveries) note(recipients, change, columns, index)
    if (of.moves.length > 0) orders.push(`{"for":${index},"moves":${JSON.stringify(of.moves)}}`)
  }

  const changes: string[][] = batch.transactions.map(() => [])
  for (const [change, { feeds: to, columns }] of [...recipients].sort(([a], [b]) => a.order - b.order))
    changes[change.transaction]?.push(encodeChange(change, columns, to))
  const transactions = batch.transactions.flatMap(({ id, at }, i) =>
    changes[i]?.length
      ? [`{"id":${JSON.stringify(id)},"at":${JSON.stringify(at)},"changes":[${changes[i].join(',')}]}`]
      : [],
  )
  return (
    `{"to":${JSON.stringify(to)},${part === undefined ? '' : `"part":${part},`}"subscriptions":${JSON.stringify([...indexes.keys()])},` +
    `"transactions":[${transactions.join(',')}]${orders.length > 0 ? `,"orders":[${orders.join(',')}]` : ''}}`
  )
}

/** For each change the indexes of the feeds that it concerns, and the columns that they need: null for all. */
type Recipients = Map<RoutedChange, { readonly feeds: number[]; columns: Delivery['columns'] }>

function note(
  recipients: Recipients,
  change: RoutedChange,
  columns: Delivery['columns'],
  feed: number,
): void {
  const known = recipients.get(change)
  if (!known) {
    recipients.set(change, { feeds: [feed], columns })
    return
  }
  if ((known.feeds.at(-1) ?? -1) < feed || !known.feeds.includes(feed)) known.feeds.push(feed)
  if (columns === null) known.columns = null
  else if (known.columns && known.columns !== columns) known.columns = new Set([...known.columns, ...columns])
}

function encodeChange(
  change: RoutedChange,
  columns: ReadonlySet<string> | null,
  to: readonly number[],
): string {
  const { op, new: content } = change.row
  const tail = `,"for":[${to.join(',')}]}`
  if (op === 'row_delete') return change.head + tail
  const json =
    columns === null
      ? content
      : JSON.stringify(
          Object.fromEntries(Object.entries(change.content).filter(([column]) => columns.has(column))),
        )
  return `${change.head},"${op === 'row_insert' ? 'row' : 'fields'}":${json}${tail}`
}
