import type { KeyText, Row } from '../../shared/change.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { statementOf, type FaultRecord, type Recorded, type Statement, type Write } from '../records.ts'
import { shownData } from '../truth.ts'

/** Whatever the numbers say happens, one after the other; when they are used up, the run comes to rest. */
export function soundRun(numbers: readonly number[]): FaultRecord[] {
  return new SoundRun(numbers).records
}

type Unstamped<T> = T extends unknown ? Omit<T, 'at'> : never
type Change = Recorded['changes'][number]

interface Open {
  readonly xid: number
  readonly writes: Write[]
}

interface Client {
  readonly name: string
  connection: number
  isConnected: boolean
  position: string | undefined
  /** What had committed when it last came to a position. */
  seen: number
}

const accounts = 5
const people = 4
const keep = 6

const followed: Record<string, Subscription> = {
  accounts: { kind: 'table', relation: 'account' },
  ledger: { kind: 'table', relation: 'ledger' },
  crowd: { kind: 'table', relation: 'crowd' },
  richest: {
    kind: 'table',
    relation: 'account',
    orderBy: [{ column: 'balance', direction: 'desc' }],
    limit: 2,
  },
  first: { kind: 'row', relation: 'account', key: [1] },
}

/**
 * A database, its writers and its clients, in which nothing goes wrong: transactions overlap, roll back and commit in
 * any order, clients come and go and stand at any position. It keeps the tables as a database would, and
 * knows nothing of how the checker tells what they hold.
 */
class SoundRun {
  readonly records: FaultRecord[] = []
  readonly #numbers: number[]
  readonly #tables: Record<string, { key: string[]; rows: Map<KeyText, Row> }>
  readonly #open = new Map<string, Open>()
  readonly #appended = new Map<string, number>()
  readonly #committed: { xid: number; changes: Change[]; touches: ReadonlySet<string> }[] = []
  readonly #clients: Client[]
  #nextXid = 100
  #epoch = 1

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers.toReversed()
    const table = (key: string[], rows: Row[]) => ({
      key,
      rows: new Map(rows.map((row) => [JSON.stringify(key.map((column) => row[column] ?? null)), row])),
    })
    this.#tables = {
      'public.account': table(
        ['id'],
        Array.from({ length: accounts }, (_, i) => ({ id: i + 1, balance: 100 })),
      ),
      'public.ledger': table(['writer', 'n'], []),
      'public.crowd': table(
        ['id'],
        Array.from({ length: people }, (_, i) => ({ id: i + 1, generation: 0 })),
      ),
    }
    const rules = {
      'public.account': { constantSum: 'balance' },
      'public.ledger': {},
      'public.crowd': { equal: 'generation' },
    }
    this.#record({
      kind: 'run',
      seed: 0,
      tables: Object.entries(rules).map(([relation, rule]) => ({
        relation,
        ...rule,
        ...this.#copy(relation),
      })),
    })
    this.#clients = ['a', 'b'].map((name) => {
      this.#record({ kind: 'begun', client: name, isResumed: false })
      for (const [following, subscription] of Object.entries(followed))
        this.#record({
          kind: 'subscribed',
          client: name,
          name: following,
          subscription,
          isRecorded: false,
        })
      this.#record({
        kind: 'subscribed',
        client: name,
        name: 'entries',
        subscription: { kind: 'table', relation: 'ledger' },
        isRecorded: true,
      })
      return { name, connection: 0, isConnected: false, position: undefined, seen: 0 }
    })
    while (this.#numbers.length > 0) this.#step()
    this.#rest()
  }

  #copy(relation: string): { key: string[]; rows: Row[] } {
    const table = this.#tables[relation]
    return { key: table?.key ?? [], rows: [...(table?.rows.values() ?? [])] }
  }

  #next(below: number): number {
    return (this.#numbers.pop() ?? 0) % below
  }

  #record(record: Unstamped<FaultRecord>): void {
    this.records.push({ ...record, at: this.records.length })
  }

  #step(): void {
    const client = this.#clients[this.#next(2)] as Client
    const what = this.#next(40)
    if (what === 0) return this.#restart()
    if (what < 5) client.isConnected = false
    else if (what > 16) this.#write(`w${this.#next(3)}`)
    else if (client.isConnected) this.#advance(client)
    else this.#attach(client)
  }

  #write(writer: string): void {
    const open = this.#open.get(writer)
    if (open) {
      this.#open.delete(writer)
      return this.#end(writer, open, this.#next(6) !== 0)
    }
    const writes: Write[] = []
    const kind = this.#next(4)
    if (kind === 0) writes.push({ do: 'add', relation: 'public.crowd', column: 'generation', amount: 1 })
    if (kind === 1 || kind === 2) {
      const from = this.#next(accounts) + 1
      const to = (from % accounts) + 1
      const amount = this.#next(50) + 1
      const add = (id: number, by: number) =>
        writes.push({
          do: 'add',
          relation: 'public.account',
          key: JSON.stringify([id]),
          column: 'balance',
          amount: by,
        })
      add(from, -amount)
      add(to, amount)
    }
    if (kind >= 2) {
      const last = this.#appended.get(writer) ?? 0
      for (let n = last + 1; n <= last + 1 + this.#next(2); n++) {
        const key = (number: number) => JSON.stringify([writer, number])
        writes.push({ do: 'put', relation: 'public.ledger', key: key(n), row: { writer, n } })
        if (n > keep) writes.push({ do: 'remove', relation: 'public.ledger', key: key(n - keep) })
      }
    }
    this.#open.set(writer, { xid: this.#nextXid++, writes })
  }

  #end(writer: string, { xid, writes }: Open, isCommitted: boolean): void {
    const changes: Change[] = []
    if (isCommitted)
      for (const write of writes) {
        const rows = this.#tables[write.relation]?.rows
        if (!rows) continue
        if (write.do === 'add') {
          for (const key of write.key === undefined ? [...rows.keys()] : [write.key]) {
            const row = rows.get(key) ?? {}
            rows.set(key, { ...row, [write.column]: Number(row[write.column]) + write.amount })
          }
          continue
        }
        if (write.do === 'put') {
          rows.set(write.key, write.row)
          this.#appended.set(writer, Number(write.row['n']))
        } else rows.delete(write.key)
        changes.push({
          transaction: String(xid),
          op: write.do === 'put' ? 'row_insert' : 'row_delete',
          key: write.key,
        })
      }
    if (isCommitted)
      this.#committed.push({ xid, changes, touches: new Set(writes.map((write) => write.relation)) })
    this.#record({ kind: 'wrote', writer, xid: String(xid), isCommitted, writes })
  }

  get #position(): string {
    const xip = [...this.#open.values()].map(({ xid }) => xid).sort((a, b) => a - b)
    return `e${this.#epoch}/${xip[0] ?? this.#nextXid}:${this.#nextXid}:${xip.join()}`
  }

  #attach(client: Client): void {
    client.connection++
    client.isConnected = true
    const { name, connection, position } = client
    const isReset = position !== undefined && !position.startsWith(`e${this.#epoch}/`)
    this.#record({
      kind: 'asked',
      client: name,
      connection,
      request: 'attach',
      ...(position !== undefined && { position }),
      subscriptions: Object.values(followed).map((subscription) => ({
        subscription,
        ...(position !== undefined && { held: 'shape' }),
      })),
    })
    this.#record({
      kind: 'answered',
      client: name,
      connection,
      request: 'attach',
      subscriptions: Object.entries(followed).map(([id, subscription]) => ({ subscription, id })),
    })
    const base = { kind: 'given', client: name, connection } as const
    const to = this.#position
    const isFresh = position === undefined || isReset
    if (isReset) this.#record({ ...base, message: 'reset', reason: 'epoch_changed' })
    if (!isFresh) this.#send(client)
    for (const id of isFresh ? Object.keys(followed) : ['richest'])
      this.#record({ ...base, message: 'snapshot', to, subscription: id, rows: 0, done: true })
    this.#record({ ...base, message: 'progress', to })
    this.#show(client, isFresh)
  }

  #advance(client: Client): void {
    if (client.position === this.#position) return
    if (!this.#send(client)) {
      const { name, connection } = client
      this.#record({ kind: 'given', client: name, connection, message: 'progress', to: this.#position })
    }
    this.#show(client, false)
  }

  #send({ name, connection, seen }: Client): boolean {
    const missed = this.#committed.slice(seen)
    if (missed.length > 0)
      this.#record({
        kind: 'given',
        client: name,
        connection,
        message: 'batch',
        to: this.#position,
        transactions: missed.map(({ xid }) => String(xid)),
        changes: missed.length,
      })
    return missed.length > 0
  }

  #show(client: Client, isFresh: boolean): void {
    const { name, seen } = client
    const position = this.#position
    const held = Object.fromEntries(
      Object.entries(followed).map(([following, subscription]): [string, Statement] => [
        following,
        statementOf(subscription, this.#shown(subscription)),
      ]),
    )
    this.#record({ kind: 'applied', client: name, position, held })
    const changes = isFresh ? [] : this.#committed.slice(seen).flatMap((transaction) => transaction.changes)
    const isGap = isFresh && client.position !== undefined
    if (changes.length > 0 || isGap)
      this.#record({
        kind: 'recorded',
        client: name,
        name: 'entries',
        changes,
        ...(isGap && { gap: 'epoch_changed' }),
      })
    this.#record({ kind: 'rendered', client: name, position, shown: held })
    client.position = position
    client.seen = this.#committed.length
  }

  #shown(subscription: Subscription): unknown {
    const table = this.#tables[`public.${subscription.relation}`]
    return table && shownData(subscription, table, table.rows)
  }

  /** A crash: what was under way has not happened, and positions of before mean nothing. */
  #restart(): void {
    this.#record({ kind: 'fault', fault: 'postgres_restart', leadsTo: ['epoch_changed'] })
    this.#abort()
    this.#epoch++
    for (const client of this.#clients) client.isConnected = false
  }

  #abort(): void {
    for (const [writer, open] of this.#open) this.#end(writer, open, false)
    this.#open.clear()
  }

  #rest(): void {
    this.#abort()
    for (const client of this.#clients) {
      if (client.isConnected) this.#advance(client)
      else this.#attach(client)
      const held = Object.entries(followed).map(([name, subscription]) => [name, this.#shown(subscription)])
      this.#record({
        kind: 'ended',
        client: client.name,
        position: this.#position,
        held: Object.fromEntries(held),
      })
    }
    for (const relation of Object.keys(this.#tables))
      this.#record({ kind: 'selected', relation, rows: this.#copy(relation).rows })
  }
}
