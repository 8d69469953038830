import { keyText, type Change, type KeyText, type RelationName, type Row } from '../../shared/change.ts'
import { diffTables, type Rows } from '../../shared/diff.ts'
import type {
  AckRequest,
  Attached,
  AttachRequest,
  Batch,
  Reply,
  ResetReason,
  ServerToClientEvents,
  Snapshot,
  Subscribed,
  SubscribeRequest,
  UnsubscribeRequest,
  WireChange,
} from '../../shared/protocol.ts'
import type { Subscription, SubscriptionId } from '../../shared/subscription.ts'
import type { Wire } from '../core/wire.ts'
import { movesTo } from './moves.ts'
import { select } from './select.ts'

export type Tables = Map<RelationName, Rows>

interface Transaction {
  readonly id: number
  readonly changes: readonly Change[]
}

type Deliver = <E extends keyof ServerToClientEvents>(
  name: E,
  message: Parameters<ServerToClientEvents[E]>[0],
) => void

interface Session {
  /** The position that it has acknowledged. */
  acknowledged: string
  readonly subscriptions: Map<SubscriptionId, Subscription>
}

/** What a connection still has to be given before it is live. */
interface Missing {
  /** Null: everything. */
  readonly from: number | null
  readonly fresh: Set<SubscriptionId>
  readonly reset?: ResetReason
  readonly inbox?: { readonly from: number; readonly ids: ReadonlySet<SubscriptionId> }
}

const rowsPerChunk = 2
const changesPerPart = 2

/**
 * A server that speaks the protocol over tables in memory, in the simplest way that is right: it keeps
 * every state that there ever was, and compares. Every table has the key `id`.
 */
export class ModelServer {
  readonly connections = new Set<ModelConnection>()
  readonly sessions = new Map<string, Session>()
  /** Whether who attaches is given everything at once, and not when `serve` is called. */
  servesAtOnce = true
  /** What is before this position, nobody can go on from. */
  horizon = 0
  /** The state at each position; a position is an index. */
  #states: readonly Tables[]
  #log: readonly Transaction[] = []
  #epoch = 0
  /** The states of the epochs before. */
  readonly #former: (readonly Tables[])[] = []

  constructor(relations: readonly RelationName[]) {
    this.#states = [new Map(relations.map((relation) => [relation, new Map()]))]
  }

  get now(): number {
    return this.#states.length - 1
  }

  get position(): string {
    return this.positionAt(this.now)
  }

  get relations(): Iterable<RelationName> {
    return (this.#states[0] as Tables).keys()
  }

  positionAt(index: number): string {
    return positionOf(index, this.#epoch)
  }

  /** The index of a position of this epoch. */
  indexAt(position: string): number | undefined {
    return epochOf(position) === this.#epoch ? indexOf(position) : undefined
  }

  /** What a subscription shows at a position, of whatever epoch. */
  selectAt(position: string, subscription: Subscription): [KeyText, Row][] {
    return select(this.tableAt(position, subscription), subscription)
  }

  tableAt(position: string, { relation }: Subscription): Rows {
    const epoch = epochOf(position)
    const states = epoch === this.#epoch ? this.#states : this.#former[epoch]
    return states?.[indexOf(position)]?.get(qualified(relation)) ?? new Map()
  }

  /** Commits transactions, and tells everybody who is live in one batch. */
  transact(...transactions: ((tables: Tables) => void)[]): void {
    for (const work of transactions) {
      const before = this.#states[this.now] as Tables
      const after = new Map([...before].map(([relation, rows]) => [relation, new Map(rows)]))
      work(after)
      const changes = [...after].flatMap(([relation, rows]) => {
        const [row] = [...rows.values(), ...(before.get(relation)?.values() ?? [])]
        const columns = Object.keys(row ?? {})
        return diffTables(
          { relation, columns, rows: before.get(relation) ?? new Map() },
          { relation, columns, rows },
        )
      })
      this.#log = [...this.#log, { id: this.now, changes }]
      this.#states = [...this.#states, after]
    }
    for (const connection of this.connections) connection.tell()
  }

  /** Inserts or replaces rows, in one transaction. */
  write(relation: RelationName, ...rows: Row[]): void {
    this.transact((tables) => {
      for (const row of rows) tables.get(relation)?.set(keyText([row['id'] ?? null]), row)
    })
  }

  delete(relation: RelationName, ...ids: number[]): void {
    this.transact((tables) => {
      for (const id of ids) tables.get(relation)?.delete(keyText([id]))
    })
  }

  /** Takes back the last transactions, as a database that is restored does, and loses all connections. */
  takeBack(count: number): void {
    const kept = Math.max(0, this.now - count)
    this.#former.push(this.#states)
    this.#states = this.#states.slice(0, kept + 1)
    this.#log = this.#log.slice(0, kept)
    this.#epoch++
    this.horizon = Math.min(this.horizon, kept)
    this.connections.clear()
  }

  connect(deliver: Deliver): ModelConnection {
    const connection = new ModelConnection(this, deliver)
    this.connections.add(connection)
    return connection
  }

  /** A session begins with an empty inbox. */
  openSession(key: Attached['session'] | undefined): { key: Attached['session']; session: Session } {
    const number = String(this.sessions.size + 1).padStart(12, '0')
    const opened = key ?? { id: `00000000-0000-4000-8000-${number}`, token: 'secret' }
    let session = this.sessions.get(opened.id)
    if (!session) {
      session = { acknowledged: this.position, subscriptions: new Map() }
      this.sessions.set(opened.id, session)
    }
    return { key: opened, session }
  }

  /** Everything between two positions of this epoch. */
  between(from: number, to = this.now): readonly Transaction[] {
    return this.#log.slice(from, to)
  }
}

/** One client's connection. It answers, and delivers, in the order in which things happen. */
export class ModelConnection implements Wire {
  readonly requests: { name: string; request: unknown }[] = []
  readonly followed = new Map<SubscriptionId, Subscription>()
  /** From where on each subscription that asked for the session's inbox was given it. */
  readonly inboxFrom = new Map<SubscriptionId, number>()
  /** It is of a server that does not see the last so many transactions yet. */
  lag = 0
  readonly #server: ModelServer
  readonly #deliver: Deliver
  #session: Session | undefined
  #missing: Missing | undefined
  /** Up to where it has been told everything. */
  #sentTo = 0

  constructor(server: ModelServer, deliver: Deliver) {
    this.#server = server
    this.#deliver = deliver
  }

  get isLive(): boolean {
    return this.#session !== undefined && this.#missing === undefined
  }

  attach(request: AttachRequest, reply: (result: Reply<Attached>) => void): void {
    this.requests.push({ name: 'attach', request })
    const { key, session } = this.#server.openSession(request.session)
    const answers = request.subscriptions.map(({ subscription }) => this.#define(subscription))
    const fresh = new Set<SubscriptionId>()
    const inbox = new Set<SubscriptionId>()
    request.subscriptions.forEach(({ subscription, held, inbox: wantsInbox }, index) => {
      const answer = answers[index]
      if (!answer?.ok) return
      this.followed.set(answer.value.id, subscription)
      if (held === undefined) fresh.add(answer.value.id)
      if (wantsInbox && !isWindow(subscription)) inbox.add(answer.value.id)
    })
    const restored = request.restore ? [...session.subscriptions] : []
    for (const [id, subscription] of restored)
      if (!this.followed.has(id)) {
        this.followed.set(id, subscription)
        fresh.add(id)
      }
    const others = [...this.#server.connections].filter((other) => other.#session === session)
    if (others.length === 0) session.subscriptions.clear()
    for (const [id, subscription] of this.followed) session.subscriptions.set(id, subscription)
    this.#session = session
    this.#missing = this.#missingSince(request.position, session, fresh, inbox)
    reply({
      ok: true,
      value: {
        session: key,
        resumed: request.session !== undefined,
        subscriptions: answers,
        restored: restored.flatMap(([, subscription]) => {
          const answer = this.#define(subscription)
          return answer.ok ? { subscription, subscribed: answer.value } : []
        }),
      },
    })
    if (this.#server.servesAtOnce) this.serve()
  }

  subscribe(request: SubscribeRequest, reply: (result: Reply<Subscribed>) => void): void {
    this.requests.push({ name: 'subscribe', request })
    const answer = this.#define(request.subscription)
    reply(answer)
    if (!answer.ok) return
    const { id } = answer.value
    this.followed.set(id, request.subscription)
    this.inboxFrom.delete(id)
    this.#session?.subscriptions.set(id, request.subscription)
    if (this.#missing) this.#missing.fresh.add(id)
    else for (const chunk of this.#rowsOf(id, this.#sentTo)) this.#deliver('snapshot', chunk)
  }

  unsubscribe(request: UnsubscribeRequest): void {
    this.requests.push({ name: 'unsubscribe', request })
    this.#leave(request.id)
    this.#session?.subscriptions.delete(request.id)
  }

  acknowledge(request: AckRequest): void {
    this.requests.push({ name: 'ack', request })
    if (!this.#session) return
    const [before, after] = [this.#session.acknowledged, request.position].map((p) => this.#server.indexAt(p))
    if (after !== undefined && (before === undefined || before <= after))
      this.#session.acknowledged = request.position
  }

  /** The history breaks: everything is read afresh. */
  reset(reason: ResetReason = 'epoch_changed'): void {
    this.#missing = { from: null, fresh: new Set(), reset: reason }
    this.serve()
  }

  /** Falls behind, or has to be served anew. */
  startOver(): void {
    if (!this.#session) return
    this.#missing ??= { from: this.#sentTo, fresh: new Set() }
    this.#deliver('catch_up', {})
  }

  /** Gives what is missing, or only so many messages of it: then it has to start over. */
  serve(count = Infinity): void {
    const missing = this.#missing
    if (!missing) return
    const to = Math.max(0, this.#server.now - this.lag)
    const messages = [...this.#missingUpTo(missing, to)]
    for (const deliver of messages.slice(0, count)) deliver()
    if (count < messages.length) return this.startOver()
    this.#deliver('progress', { to: this.#server.positionAt(to) })
    this.#missing = undefined
    this.#sentTo = to
  }

  /** Ends a subscription by the server's doing. */
  end(id: SubscriptionId): void {
    if (!this.followed.has(id)) return
    this.#leave(id)
    this.#deliver('ended', { subscription: id, code: 'permission_denied', message: 'no more' })
  }

  close(): void {
    this.#server.connections.delete(this)
  }

  /** Sends what has happened since, in one batch. */
  tell(): void {
    if (!this.isLive) return
    const from = this.#sentTo
    const to = this.#server.now
    this.#sentTo = to
    const ids = [...this.followed.keys()]
    const transactions = this.#server.between(from, to).map((transaction) => {
      const changes = transaction.changes.flatMap((change) =>
        addressed(change, ids, this.followed, () => true),
      )
      return { ...headOf(transaction), changes }
    })
    const orders: Batch['orders'] = []
    ids.forEach((id, index) => {
      const subscription = this.followed.get(id) as Subscription
      if (!isWindow(subscription)) return
      const before = this.#select(from, subscription)
      const after = this.#select(to, subscription)
      const changes = windowChanges(qualified(subscription.relation), new Map(before), new Map(after))
      transactions.at(-1)?.changes.push(...changes.map((change) => ({ ...change, for: [index] })))
      if (!isOrdered(subscription)) return
      const moves = movesTo(
        before.map(([key]) => key),
        after.map(([key]) => key),
      )
      if (moves.length > 0) orders.push({ for: index, moves })
    })
    const told = transactions.filter(({ changes }) => changes.length > 0)
    if (told.length > 0 || orders.length > 0)
      this.#deliver('batch', {
        to: this.#server.positionAt(to),
        subscriptions: ids,
        transactions: told,
        ...(orders.length > 0 && { orders }),
      })
  }

  #missingSince(
    position: string | undefined,
    { acknowledged }: Session,
    fresh: Set<SubscriptionId>,
    ids: ReadonlySet<SubscriptionId>,
  ): Missing {
    this.inboxFrom.clear()
    const asked = [...(position === undefined ? [] : [position]), ...(ids.size > 0 ? [acknowledged] : [])]
    const indexes = asked.map((each) => this.#server.indexAt(each))
    if (indexes.includes(undefined)) return { from: null, fresh, reset: 'epoch_changed' }
    if (indexes.some((index) => (index ?? 0) < this.#server.horizon))
      return { from: null, fresh, reset: 'position_expired' }
    const from = position === undefined ? null : indexOf(position)
    if (ids.size === 0) return { from, fresh }
    for (const id of ids) this.inboxFrom.set(id, indexOf(acknowledged))
    return { from, fresh, inbox: { from: indexOf(acknowledged), ids } }
  }

  *#missingUpTo({ from, fresh, reset, inbox }: Missing, to: number): Iterable<() => void> {
    if (reset) yield () => this.#deliver('reset', { reason: reset })
    const begins = new Map<SubscriptionId, number>()
    const rows: SubscriptionId[] = []
    for (const [id, subscription] of this.followed) {
      const isFresh = from === null || fresh.has(id) || (from !== to && isWindow(subscription))
      if (isFresh) rows.push(id)
      else begins.set(id, from)
      if (inbox?.ids.has(id)) begins.set(id, inbox.from)
    }
    for (const batch of this.#parts(begins, to)) yield () => this.#deliver('batch', batch)
    for (const id of rows)
      for (const chunk of this.#rowsOf(id, to)) yield () => this.#deliver('snapshot', chunk)
  }

  /** The log from the first of these on, piece by piece; pieces that do not concern them are left out, but numbered. */
  *#parts(begins: ReadonlyMap<SubscriptionId, number>, to: number): Iterable<Batch> {
    const ids = [...begins.keys()]
    const pieces: Batch['transactions'][] = []
    for (const transaction of this.#server.between(Math.min(to, ...begins.values()), to))
      for (let start = 0; start < transaction.changes.length; start += changesPerPart) {
        const piece = transaction.changes.slice(start, start + changesPerPart)
        const isNews = (id: SubscriptionId): boolean => (begins.get(id) ?? to) <= transaction.id
        const changes = piece.flatMap((change) => addressed(change, ids, this.followed, isNews))
        pieces.push(changes.length > 0 ? [{ ...headOf(transaction), changes }] : [])
      }
    for (const [part, transactions] of pieces.entries())
      if (transactions.length > 0)
        yield { to: this.#server.positionAt(to), part, subscriptions: ids, transactions }
  }

  #define(subscription: Subscription): Reply<Subscribed> {
    const relation = qualified(subscription.relation)
    if (![...this.#server.relations].includes(relation))
      return { ok: false, code: 'relation_not_found', message: `no relation ${relation}` }
    const key = 'key' in subscription ? keyText(subscription.key.map(Number)) : undefined
    const id = JSON.stringify({ ...subscription, relation, ...(key !== undefined && { key }) })
    return { ok: true, value: { id, relation, ...(key !== undefined && { key }) } }
  }

  #leave(id: SubscriptionId): void {
    this.followed.delete(id)
    this.#missing?.fresh.delete(id)
  }

  #select(index: number, subscription: Subscription): [KeyText, Row][] {
    return this.#server.selectAt(this.#server.positionAt(index), subscription)
  }

  *#rowsOf(id: SubscriptionId, at: number): Iterable<Snapshot> {
    const rows = this.#select(at, this.followed.get(id) as Subscription)
    for (let start = 0; ; start += rowsPerChunk) {
      const done = start + rowsPerChunk >= rows.length
      yield {
        subscription: id,
        to: this.#server.positionAt(at),
        shape: 'shape',
        rows: rows.slice(start, start + rowsPerChunk),
        done,
      }
      if (done) return
    }
  }
}

export function positionOf(index: number, epoch = 0): string {
  return `epoch${epoch}/${index + 1}:${index + 1}:`
}

export function indexOf(position: string): number {
  return Number(/\/(\d+):/.exec(position)?.[1]) - 1
}

function epochOf(position: string): number {
  return Number(/^epoch(\d+)\//.exec(position)?.[1])
}

function headOf({ id }: Transaction): { id: string; at: string } {
  return { id: String(id), at: new Date(id).toISOString() }
}

/** A change with those whom it concerns, if there are any. */
function addressed(
  change: Change,
  ids: readonly SubscriptionId[],
  followed: ReadonlyMap<SubscriptionId, Subscription>,
  isNews: (id: SubscriptionId) => boolean,
): WireChange[] {
  const wire = wireChange(change)
  const recipients = ids.flatMap((id, index) =>
    isNews(id) && concerns(wire, followed.get(id) as Subscription) ? [index] : [],
  )
  return recipients.length > 0 ? [{ ...wire, for: recipients }] : []
}

function qualified(relation: RelationName): RelationName {
  return relation.includes('.') ? relation : `public.${relation}`
}

function isWindow(subscription: Subscription): boolean {
  return (
    subscription.kind === 'table' &&
    (subscription.where ?? subscription.orderBy ?? subscription.limit) !== undefined
  )
}

function isOrdered(subscription: Subscription): boolean {
  return subscription.kind === 'table' && (subscription.orderBy ?? subscription.limit) !== undefined
}

/** A change before it has recipients. */
type Unsent = WireChange extends infer C ? (C extends WireChange ? Omit<C, 'for'> : never) : never

function wireChange(change: Change): Unsent {
  if (change.op !== 'field_update') return change
  const { relation, key, column, value } = change
  return { op: 'field_update', relation, key, fields: { [column]: value } }
}

/** Whether the log alone tells a subscription of a change. */
function concerns(change: Unsent, subscription: Subscription): boolean {
  if (isWindow(subscription) || qualified(subscription.relation) !== change.relation) return false
  if ('key' in subscription && keyText(subscription.key.map(Number)) !== change.key) return false
  return !(
    'column' in subscription &&
    change.op === 'field_update' &&
    !(subscription.column in change.fields)
  )
}

function windowChanges(relation: RelationName, before: Rows, after: Rows): Unsent[] {
  const [row] = [...before.values(), ...after.values()]
  const columns = Object.keys(row ?? {})
  return diffTables({ relation, columns, rows: before }, { relation, columns, rows: after }).map(wireChange)
}
