import type { Row } from '../../shared/change.ts'
import type { LogRow } from '../log/read-log.ts'
import type { Feed } from './feed.ts'

/** One change of a batch, on its way to whom it concerns. */
export class RoutedChange {
  /** Its place among the changes of the batch. */
  readonly order: number
  /** Index of its transaction in the batch. */
  readonly transaction: number
  readonly relationName: string
  readonly row: LogRow
  #content: Row | undefined
  #head: string | undefined

  constructor(order: number, transaction: number, relationName: string, row: LogRow) {
    this.order = order
    this.transaction = transaction
    this.relationName = relationName
    this.row = row
  }

  /** How it begins on the wire, for whomever it is. */
  get head(): string {
    const { op, key } = this.row
    this.#head ??= `{"op":"${op}","relation":${JSON.stringify(this.relationName)},"key":${JSON.stringify(key)}`
    return this.#head
  }

  /** The row or the changed fields. Parsed only when somebody needs to look inside. */
  get content(): Row {
    this.#content ??= this.row.new === null ? {} : (JSON.parse(this.row.new) as Row)
    return this.#content
  }

  /** False if all the fields that it changes are others. */
  touches(columns: ReadonlySet<string>): boolean {
    return Object.keys(this.content).some((column) => columns.has(column))
  }
}

/** A change as one feed gets it: whole (null), or these columns of it. */
export interface Delivery {
  readonly change: RoutedChange
  readonly columns: ReadonlySet<string> | null
}

/** What a batch means to one feed. */
export interface FeedDeliveries {
  readonly deliveries: Delivery[]
  /** New places in an ordered feed, each after its predecessor. */
  moves: [key: string, after: string | null][]
}

/** Stands for what no transaction of the log has done: a grant that was taken away, a time that has come. */
const noTransaction = '0'

/** What a pass of the log means to the feeds. Feeds that it does not concern are not in it. */
export class RoutedBatch {
  readonly transactions: { readonly id: string; readonly at: string }[]
  readonly feeds = new Map<Feed, FeedDeliveries>()
  #changes = 0

  constructor(transactions: readonly { readonly id: string; readonly at: string }[]) {
    this.transactions = transactions.map(({ id, at }) => ({ id, at }))
  }

  /** A change that follows all that the batch holds so far. */
  append(transaction: number, relationName: string, row: LogRow): RoutedChange {
    return new RoutedChange(this.#changes++, transaction, relationName, row)
  }

  /** What the batch comes to: it belongs to the last transaction. */
  appendAtEnd(relationName: string, row: LogRow): RoutedChange {
    if (this.transactions.length === 0)
      this.transactions.push({ id: noTransaction, at: new Date().toISOString() })
    return this.append(this.transactions.length - 1, relationName, row)
  }

  /** What the feed's role may not see is left out; a change of nothing else is none. */
  deliver(feed: Feed, change: RoutedChange, column: string | null): void {
    const columns = column === null ? feed.definition.relation.visible : new Set([column])
    if (columns !== null && change.row.op === 'field_update' && !change.touches(columns)) return
    this.#of(feed).deliveries.push({ change, columns })
  }

  move(feed: Feed, moves: [string, string | null][]): void {
    if (moves.length > 0) this.#of(feed).moves = moves
  }

  /** Equal for feeds whose followers are told the same. */
  contentOf(feed: Feed): string {
    const { id, relation } = feed.definition
    const of = this.#of(feed)
    if (feed.window === null) return `${id}\n${relation.state}` // there is one such feed
    const changes = of.deliveries.map(({ change }) => change.order)
    return JSON.stringify([id, relation.state, changes, of.moves])
  }

  #of(feed: Feed): FeedDeliveries {
    let deliveries = this.feeds.get(feed)
    if (!deliveries) {
      deliveries = { deliveries: [], moves: [] }
      this.feeds.set(feed, deliveries)
    }
    return deliveries
  }
}
