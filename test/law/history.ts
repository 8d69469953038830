import type { Row } from '../../shared/change.ts'

/** What one statement of a test did to one row. */
interface Write {
  readonly table: string
  readonly key: string
  /** Null: the row is gone. */
  readonly row: Row | null
  /** Drawn while the row was locked, so of two writes to one row the later has the greater. */
  readonly order: number
}

/** The writes of one transaction of a test. */
export class Transaction {
  readonly xid: bigint
  isCommitted = false
  #writes: Write[] = []

  constructor(xid: bigint) {
    this.xid = xid
  }

  get writes(): readonly Write[] {
    return this.#writes
  }

  write(table: string, key: string, row: Row | null, order: number): void {
    this.#writes.push({ table, key, row, order })
  }

  savepoint(): () => void {
    const { length } = this.#writes
    return () => (this.#writes = this.#writes.slice(0, length))
  }
}

/**
 * What the writers of a test did, from which follows what `select` returns at any position: of each row the
 * last version that a transaction wrote which the position's snapshot sees. It knows nothing of the
 * change log, so it can judge it.
 */
export class History {
  readonly #transactions: Transaction[] = []

  begin(xid: string): Transaction {
    const transaction = new Transaction(BigInt(xid))
    this.#transactions.push(transaction)
    return transaction
  }

  /** The rows of a table by key, as they stood at a position (`epoch/xmin:xmax:xip,…`). */
  at(position: string, table: string): Map<string, Row> {
    const isVisible = visibility(position)
    const latest = new Map<string, Write>()
    for (const transaction of this.#transactions) {
      if (!transaction.isCommitted || !isVisible(transaction.xid)) continue
      for (const write of transaction.writes) {
        if (write.table !== table) continue
        const known = latest.get(write.key)
        if (!known || known.order < write.order) latest.set(write.key, write)
      }
    }
    return new Map([...latest].flatMap(([key, { row }]) => (row === null ? [] : [[key, row]])))
  }
}

function visibility(position: string): (xid: bigint) => boolean {
  const [, xmax = '0', xip = ''] = (position.split('/')[1] ?? '').split(':')
  const inProgress = new Set(xip === '' ? [] : xip.split(',').map(BigInt))
  return (xid) => xid < BigInt(xmax) && !inProgress.has(xid)
}
