import { keyText, type Change, type KeyText, type RelationName, type Row } from '../../shared/change.ts'
import { diffTables, type Rows } from '../../shared/diff.ts'
import type {
  AckRequest,
  Attached,
  AttachRequest,
  Batch,
  Reply,
  ServerToClientEvents,
  Subscribed,
  SubscribeRequest,
  UnsubscribeRequest,
  WireChange,
} from '../../shared/protocol.ts'
import type { Subscription } from '../../shared/subscription.ts'
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

const rowsPerChunk = 2

/**
 * A server that speaks the protocol over tables in memory, in the simplest way that is right: it keeps
 * every state that there ever was, and compares. Every table has the key `id`.
 */
export class ModelServer {
  /** The state at each position; a position is an index. */
  readonly states: Tables[]
  readonly connections = new Set<ModelConnection>()
  readonly #log: Transaction[] = []
  #sessions = 0

  constructor(relations: readonly RelationName[]) {
    this.states = [new Map(relations.map((relation) => [relation, new Map()]))]
  }

  get now(): number {
    return this.states.length - 1
  }

  /** What a subscription shows at a position. */
  selectAt(position: number, subscription: Subscription): [KeyText, Row][] {
    return select(this.tableAt(position, subscription), subscription)
  }

  tableAt(position: number, { relation }: Subscription): Rows {
    return this.states[position]?.get(qualified(relation)) ?? new Map()
  }

  /** Commits transactions, and tells everybody in one batch. */
  transact(...transactions: ((tables: Tables) => void)[]): void {
    const from = this.now
    for (const work of transactions) {
      const before = this.states[this.now] as Tables
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
      this.#log.push({ id: this.now, changes })
      this.states.push(after)
    }
    for (const connection of this.connections) connection.sendBatch(from)
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

  connect(deliver: Deliver): ModelConnection {
    const connection = new ModelConnection(this, deliver)
    this.connections.add(connection)
    return connection
  }

  newSession(): Attached['session'] {
    return { id: `00000000-0000-4000-8000-${String(++this.#sessions).padStart(12, '0')}`, token: 'secret' }
  }

  since(position: number): readonly Transaction[] {
    return this.#log.slice(position)
  }
}

/** One client's connection. It answers, and delivers, in the order in which things happen. */
export class ModelConnection implements Wire {
  readonly requests: { name: string; request: unknown }[] = []
  readonly followed = new Map<string, Subscription>()
  /** From when on the client is behind by that many positions: positions before are of another epoch. */
  expiredBefore = 0
  readonly #server: ModelServer
  readonly #deliver: Deliver

  constructor(server: ModelServer, deliver: Deliver) {
    this.#server = server
    this.#deliver = deliver
  }

  attach(request: AttachRequest, reply: (result: Reply<Attached>) => void): void {
    this.requests.push({ name: 'attach', request })
    const from = request.position === undefined ? undefined : indexOf(request.position)
    const isKnown = from !== undefined && from >= this.expiredBefore
    if (from !== undefined && !isKnown) this.#deliver('reset', { reason: 'position_expired' })
    const answers = request.subscriptions.map(({ subscription }) => this.#define(subscription))
    reply({
      ok: true,
      value: {
        session: request.session ?? this.#server.newSession(),
        resumed: request.session !== undefined,
        subscriptions: answers,
        restored: [],
      },
    })
    const fresh = new Set<string>()
    request.subscriptions.forEach(({ subscription, held }, index) => {
      const answer = answers[index]
      if (!answer?.ok) return
      this.followed.set(answer.value.id, subscription)
      if (held === undefined || !isKnown || isWindow(subscription)) fresh.add(answer.value.id)
    })
    for (const id of fresh) this.#sendSnapshot(id)
    if (isKnown) this.sendBatch(from, new Map([...this.followed].filter(([id]) => !fresh.has(id))))
    this.#deliver('progress', { to: positionOf(this.#server.now) })
  }

  subscribe(request: SubscribeRequest, reply: (result: Reply<Subscribed>) => void): void {
    this.requests.push({ name: 'subscribe', request })
    const answer = this.#define(request.subscription)
    reply(answer)
    if (!answer.ok) return
    this.followed.set(answer.value.id, request.subscription)
    this.#sendSnapshot(answer.value.id)
  }

  unsubscribe(request: UnsubscribeRequest): void {
    this.requests.push({ name: 'unsubscribe', request })
    this.followed.delete(request.id)
  }

  acknowledge(request: AckRequest): void {
    this.requests.push({ name: 'ack', request })
  }

  /** The history breaks: everything is read afresh. */
  reset(): void {
    this.#deliver('reset', { reason: 'epoch_changed' })
    for (const id of this.followed.keys()) this.#sendSnapshot(id)
    this.#deliver('progress', { to: positionOf(this.#server.now) })
  }

  close(): void {
    this.#server.connections.delete(this)
  }

  sendBatch(from: number, followed: ReadonlyMap<string, Subscription> = this.followed): void {
    const { now } = this.#server
    const ids = [...followed.keys()]
    const transactions: Batch['transactions'] = this.#server.since(from).map(({ id, changes }) => ({
      id: String(id),
      at: new Date(id).toISOString(),
      changes: changes.flatMap((change) => {
        const wire = wireChange(change)
        const recipients = ids.flatMap((id, index) =>
          concerns(wire, followed.get(id) as Subscription) ? [index] : [],
        )
        return recipients.length > 0 ? [{ ...wire, for: recipients }] : []
      }),
    }))
    const orders: Batch['orders'] = []
    ids.forEach((id, index) => {
      const subscription = followed.get(id) as Subscription
      if (!isWindow(subscription)) return
      const before = this.#server.selectAt(from, subscription)
      const after = this.#server.selectAt(now, subscription)
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
        to: positionOf(now),
        subscriptions: ids,
        transactions: told,
        ...(orders.length > 0 && { orders }),
      })
  }

  #define(subscription: Subscription): Reply<Subscribed> {
    const relation = qualified(subscription.relation)
    if (!this.#server.states[0]?.has(relation))
      return { ok: false, code: 'relation_not_found', message: `no relation ${relation}` }
    const key = 'key' in subscription ? keyText(subscription.key.map(Number)) : undefined
    const id = JSON.stringify({ ...subscription, relation, ...(key !== undefined && { key }) })
    return { ok: true, value: { id, relation, ...(key !== undefined && { key }) } }
  }

  #sendSnapshot(id: string): void {
    const { now } = this.#server
    const rows = this.#server.selectAt(now, this.followed.get(id) as Subscription)
    const to = positionOf(now)
    for (let start = 0; ; start += rowsPerChunk) {
      const done = start + rowsPerChunk >= rows.length
      this.#deliver('snapshot', {
        subscription: id,
        to,
        shape: 'shape',
        rows: rows.slice(start, start + rowsPerChunk),
        done,
      })
      if (done) return
    }
  }
}

export function positionOf(index: number): string {
  return `epoch/${index}:${index}:`
}

export function indexOf(position: string): number {
  return Number(/\/(\d+):/.exec(position)?.[1])
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
