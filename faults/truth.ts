import type { KeyText, Row, Value } from '../shared/change.ts'
import { parsePosition, type Position } from '../shared/position.ts'
import type { Subscription } from '../shared/subscription.ts'
import { shown } from '../audit/reference.ts'
import { hasOrder, statementOf, type Statement, type WorldTable, type Write, type Wrote } from './records.ts'

/** A committed transaction, and when its writer knew that it was. */
export type Committed = Wrote & { readonly at: number }

/** Which transactions a position sees. */
export interface Snapshot {
  readonly epoch: string
  readonly xmax: number
  /** In progress, so unseen though below `xmax`. */
  readonly xip: ReadonlySet<number>
}

const snapshots = new Map<Position, Snapshot>()

export function snapshotOf(position: Position): Snapshot {
  let known = snapshots.get(position)
  if (!known) {
    const { epoch, snapshot } = parsePosition(position)
    const [, xmax = '', xip = ''] = snapshot.split(':')
    known = { epoch, xmax: Number(xmax), xip: new Set(xip === '' ? [] : xip.split(',').map(Number)) }
    if (snapshots.size > 10_000) snapshots.clear()
    snapshots.set(position, known)
  }
  return known
}

export function sees({ xmax, xip }: Snapshot, xid: number): boolean {
  return xid < xmax && !xip.has(xid)
}

/** Whether the later of two positions sees all that the earlier sees. Epochs apart. */
export function isAtOrAfter(later: Snapshot, earlier: Snapshot): boolean {
  if (later.xmax < earlier.xmax) return false
  for (const xid of later.xip) if (sees(earlier, xid)) return false
  return true
}

interface TableAt {
  readonly spec: WorldTable
  readonly rows: Map<KeyText, Row>
  /** The keys of the beginning: a transaction that adds to all adds to these. */
  readonly all: readonly KeyText[]
  /** Every row that is ever put, and of which this has happened, and what has been added to it. */
  readonly puts: Map<KeyText, Row>
  readonly isPut: Set<KeyText>
  readonly isRemoved: Set<KeyText>
  readonly added: Map<KeyText, Map<string, number>>
  /** What subscriptions show of the rows, by their text. */
  readonly statements: Map<string, Statement>
}

/**
 * What `select` returns at any position, told by what the writers did. It knows nothing of the change log,
 * of routes or of snapshots, so it can judge them. Moved from one position to the next it costs what lies between.
 */
export class Truth {
  readonly #transactions = new Map<number, Committed>()
  /** Rising. */
  readonly #xids: number[]
  readonly #tables = new Map<string, TableAt>()
  /** How many of `#xids` are below the present `xmax`, and which of these it does not see. */
  #reached = 0
  readonly #hidden = new Set<number>()

  constructor(tables: readonly WorldTable[], committed: readonly Committed[]) {
    for (const spec of tables) {
      const rows = new Map(spec.rows.map((row) => [keyOf(spec, row), row]))
      this.#tables.set(spec.relation, {
        spec,
        rows,
        all: [...rows.keys()],
        puts: new Map(rows),
        isPut: new Set(rows.keys()),
        isRemoved: new Set(),
        added: new Map(),
        statements: new Map(),
      })
    }
    for (const transaction of committed) {
      this.#transactions.set(Number(transaction.xid), transaction)
      for (const write of transaction.writes)
        if (write.do === 'put') this.#table(write.relation).puts.set(write.key, write.row)
    }
    this.#xids = [...this.#transactions.keys()].sort((a, b) => a - b)
  }

  get relations(): readonly string[] {
    return [...this.#tables.keys()]
  }

  spec(relation: string): WorldTable {
    return this.#table(relation).spec
  }

  transaction(xid: string): Committed | undefined {
    return this.#transactions.get(Number(xid))
  }

  /** The transactions that one position sees and an earlier one does not. */
  between(earlier: Snapshot, later: Snapshot): Committed[] {
    const found: number[] = []
    for (const xid of earlier.xip) if (sees(later, xid)) found.push(xid)
    const end = this.#below(later.xmax)
    for (let i = this.#below(earlier.xmax); i < end; i++) {
      const xid = this.#xids[i] as number
      if (!later.xip.has(xid)) found.push(xid)
    }
    return found.flatMap((xid) => this.#transactions.get(xid) ?? [])
  }

  /** What the keys of a relation are to which a transaction does something, with what it looks like to a recorder. */
  atoms(transaction: Wrote, relation: string): Set<string> {
    const atoms = new Set<string>()
    for (const write of transaction.writes) {
      if (write.relation !== relation) continue
      if (write.do === 'put') atoms.add(`row_insert ${write.key}`)
      else if (write.do === 'remove') atoms.add(`row_delete ${write.key}`)
      else for (const key of this.#keysOf(write)) atoms.add(`field_update ${key}`)
    }
    return atoms
  }

  /** From now on it tells what was at this position. */
  moveTo(snapshot: Snapshot): void {
    const reached = this.#below(snapshot.xmax)
    for (; this.#reached < reached; this.#reached++) {
      const xid = this.#xids[this.#reached] as number
      if (snapshot.xip.has(xid)) this.#hidden.add(xid)
      else this.#apply(xid, 1)
    }
    while (this.#reached > reached) {
      const xid = this.#xids[--this.#reached] as number
      if (!this.#hidden.delete(xid)) this.#apply(xid, -1)
    }
    for (const xid of this.#hidden)
      if (!snapshot.xip.has(xid)) {
        this.#hidden.delete(xid)
        this.#apply(xid, 1)
      }
    for (const xid of snapshot.xip)
      if (xid < snapshot.xmax && this.#transactions.has(xid) && !this.#hidden.has(xid)) {
        this.#hidden.add(xid)
        this.#apply(xid, -1)
      }
  }

  /** Everything that was ever committed. */
  moveToEnd(): void {
    this.moveTo({ epoch: '', xmax: Infinity, xip: new Set() })
  }

  /** The rows at the position that it stands at, until it is moved. */
  rows(relation: string): ReadonlyMap<KeyText, Row> {
    return this.#table(relation).rows
  }

  /** What a subscription should show here. */
  statement(subscription: Subscription, text = JSON.stringify(subscription)): Statement {
    const table = this.#table(subscription.relation)
    let statement = table.statements.get(text)
    if (!statement) {
      const data = shownData(subscription, table.spec, table.rows)
      table.statements.set(text, (statement = statementOf(subscription, data)))
    }
    return statement
  }

  /** The one of the last transactions seen here without which a subscription would show what was found. */
  whatMissing(subscription: Subscription, found: Statement, suspects: number): string | undefined {
    for (let i = this.#reached - 1; i >= 0 && i >= this.#reached - suspects; i--) {
      const xid = this.#xids[i] as number
      if (this.#hidden.has(xid)) continue
      this.#apply(xid, -1)
      const { rows, hash } = this.statement(subscription)
      this.#apply(xid, 1)
      if (rows === found.rows && hash === found.hash) return String(xid)
    }
    return undefined
  }

  #table(relation: string): TableAt {
    const table = this.#tables.get(qualified(relation))
    if (!table) throw new Error(`the records tell of no table ${relation}`)
    return table
  }

  #below(xmax: number): number {
    let [low, high] = [0, this.#xids.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#xids[middle] as number) < xmax) low = middle + 1
      else high = middle
    }
    return low
  }

  #keysOf(write: Write & { do: 'add' }): readonly KeyText[] {
    return write.key === undefined ? this.#table(write.relation).all : [write.key]
  }

  #apply(xid: number, sign: 1 | -1): void {
    for (const write of this.#transactions.get(xid)?.writes ?? []) {
      const table = this.#table(write.relation)
      table.statements.clear()
      if (write.do === 'add') {
        for (const key of this.#keysOf(write)) {
          const added = table.added.get(key) ?? new Map<string, number>()
          table.added.set(key, added.set(write.column, (added.get(write.column) ?? 0) + sign * write.amount))
          renew(table, key)
        }
        continue
      }
      const changed = write.do === 'put' ? table.isPut : table.isRemoved
      if (sign === 1) changed.add(write.key)
      else changed.delete(write.key)
      renew(table, write.key)
    }
  }
}

/** Whichever was applied first: a row is there if it has been put and not removed, with all that was added. */
function renew({ rows, puts, isPut, isRemoved, added }: TableAt, key: KeyText): void {
  const row = isPut.has(key) && !isRemoved.has(key) ? puts.get(key) : undefined
  if (!row) {
    rows.delete(key)
    return
  }
  const present: Record<string, Value> = { ...row }
  for (const [column, amount] of added.get(key) ?? [])
    if (amount !== 0) present[column] = Number(row[column] ?? 0) + amount
  rows.set(key, present)
}

/** What `getSnapshot().data` should be when a table has these rows. */
export function shownData(
  subscription: Subscription,
  table: Pick<WorldTable, 'key'>,
  rows: ReadonlyMap<KeyText, Row>,
): unknown {
  switch (subscription.kind) {
    case 'column':
      return [...rows].map(([key, row]) => ({ key, value: row[subscription.column] ?? null }))
    case 'field': {
      const row = rows.get(JSON.stringify(subscription.key))
      return row && (row[subscription.column] ?? null)
    }
    case 'row':
      return rows.get(JSON.stringify(subscription.key)) ?? null
    case 'table':
      if (!hasOrder(subscription) && !subscription.where) return [...rows.values()]
      return shown(subscription, table, rows)
  }
}

export function keyOf(table: Pick<WorldTable, 'key'>, row: Row): KeyText {
  return JSON.stringify(table.key.map((column): Value => row[column] ?? null))
}

export function qualified(relation: string): string {
  return relation.includes('.') ? relation : `public.${relation}`
}
