import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { keyText } from '../shared/change.ts'
import { answerParent } from '../test/child.ts'
import { randomFrom, type Random } from '../audit/random.ts'
import { openRecords, type Write } from './records.ts'
import type { WorkloadSize } from './workload.ts'

// The writers of a run, straight at PostgreSQL: programs that know nothing of Rowcast.

export interface WriterOptions {
  readonly url: string
  readonly seed: number
  readonly writers: number
  /** Between two transactions of one writer, on average. */
  readonly pauseMs: number
  /** Between two transactions that change every row of the biggest table. */
  readonly bulkEveryMs: number
  readonly size: WorkloadSize
  readonly file: string
}

export interface WriterFigures {
  readonly committed: number
  readonly rolledBack: number
  readonly lookedUp: number
}

const weights = {
  transfer: 8,
  savepoint: 3,
  rollback: 2,
  long: 1,
  append: 6,
  item: 6,
  mixed: 4,
  crowd: 1,
  wave: 1,
}
type TransactionKind = keyof typeof weights | 'bulk'

/** How many entries of a writer the ledger keeps. */
const ledgerLength = 60

let options: WriterOptions
let records: ReturnType<typeof openRecords>
const figures = { committed: 0, rolledBack: 0, lookedUp: 0 }
const stopping = new AbortController()
/** While PostgreSQL is being restarted: in this time nobody may be given the transaction ids that the crash has lost. */
let held: { until: Promise<void>; release(): void } | undefined
let writers: Promise<void>[] = []

answerParent({
  start(given: WriterOptions) {
    options = given
    records = openRecords(given.file)
    writers = Array.from({ length: given.writers }, (_, i) => new Writer(i).run())
  },
  hold() {
    let release = (): void => undefined
    const until = new Promise<void>((resolve) => (release = resolve))
    held ??= { until, release }
  },
  release() {
    held?.release()
    held = undefined
  },
  figures: (): WriterFigures => figures,
  /** One more commit after all others, by which everybody can tell that there is nothing more to come. */
  async finish(): Promise<{ xid: string }> {
    stopping.abort()
    await Promise.all(writers)
    const last = new Writer(options.writers)
    const xid = await last.end()
    records.close()
    return { xid }
  },
})

class Writer {
  readonly #name: string
  readonly #index: number
  readonly #random: Random
  #client: pg.Client | undefined
  #appended = 0
  #removedUpTo = 0
  #items: number[] = []
  #made = 0
  #wave: number[] = []
  #bulkAtMs = Date.now()

  constructor(index: number) {
    this.#index = index
    this.#name = `w${index}`
    this.#random = randomFrom(options.seed, this.#name)
  }

  async run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await this.#transaction(this.#nextKind())
      await sleep(this.#random.int(1, options.pauseMs * 2 - 1))
    }
    await this.#client?.end().catch(() => undefined)
  }

  async end(): Promise<string> {
    for (;;) {
      const xid = await this.#transaction('append')
      if (xid === undefined) continue
      await this.#client?.end().catch(() => undefined)
      return xid
    }
  }

  #nextKind(): TransactionKind {
    if (this.#index === 0 && Date.now() - this.#bulkAtMs > options.bulkEveryMs) {
      this.#bulkAtMs = Date.now()
      return 'bulk'
    }
    const kind = this.#random.weighted(weights)
    // several at once would only wait for each other's locks
    return this.#index !== 0 && (kind === 'crowd' || kind === 'wave') ? 'transfer' : kind
  }

  /** @returns the transaction's id if it has committed */
  async #transaction(kind: TransactionKind): Promise<string | undefined> {
    const client = await this.#connection()
    const id = randomUUID()
    const transaction = new Transaction(client, this.#random)
    let xid: string | undefined
    let isCommitting = false
    let isCommitted = false
    try {
      await client.query('begin')
      const { rows } = await client.query<{ xid: string }>('select pg_current_xact_id()::text as xid')
      xid = rows[0]?.xid
      await client.query('insert into written values ($1)', [id])
      await this.#work(kind, transaction)
      if (kind === 'rollback') await client.query('rollback')
      else {
        isCommitting = true
        await client.query('commit')
        isCommitted = true
      }
    } catch (error) {
      // What PostgreSQL refuses (a deadlock, say) it has rolled back; all else is a connection that broke.
      const isRefused = error instanceof pg.DatabaseError && !/^(08|57P)/.test(error.code ?? '')
      if (isRefused) await client.query('rollback').catch(() => this.#lose(client))
      else {
        this.#lose(client)
        if (isCommitting) isCommitted = await this.#lookUp(id)
      }
    }
    if (xid === undefined) return undefined
    figures[isCommitted ? 'committed' : 'rolledBack']++
    records.write({
      at: Date.now(),
      kind: 'wrote',
      writer: this.#name,
      xid,
      isCommitted,
      writes: transaction.writes,
    })
    if (isCommitted) for (const note of transaction.notes) note()
    return isCommitted ? xid : undefined
  }

  async #work(kind: TransactionKind, transaction: Transaction): Promise<void> {
    const { int, chance } = this.#random
    switch (kind) {
      case 'transfer':
      case 'rollback':
        for (let n = int(1, 3); n > 0; n--) await transaction.transfer(options.size.accounts)
        return
      case 'savepoint':
        await transaction.transfer(options.size.accounts)
        await transaction.undone(async () => {
          await transaction.transfer(options.size.accounts)
          await this.#append(transaction)
        })
        return transaction.transfer(options.size.accounts)
      case 'long':
        await transaction.transfer(options.size.accounts)
        await sleep(int(300, 2_500))
        return transaction.transfer(options.size.accounts)
      case 'append':
        return this.#append(transaction)
      case 'item':
        return this.#item(transaction)
      case 'mixed':
        await this.#append(transaction)
        await transaction.transfer(options.size.accounts)
        return this.#item(transaction)
      case 'crowd':
      case 'bulk':
        await transaction.changeAll(kind)
        return chance(0.5) ? transaction.transfer(options.size.accounts) : undefined
      case 'wave':
        return this.#turnWave(transaction)
    }
  }

  /** The numbers that have committed are 1, 2, 3 … without a gap, whatever was rolled back. */
  async #append(transaction: Transaction): Promise<void> {
    const first = transaction.firstOf(this.#appended)
    const last = first + this.#random.int(0, 2)
    for (let n = first; n <= last; n++)
      await transaction.put('public.ledger', [this.#name, n], {
        writer: this.#name,
        n,
        amount: this.#random.int(1, 100),
      })
    transaction.appendedTo(last)
    const upTo = last - ledgerLength
    for (let n = this.#removedUpTo + 1; n <= upTo; n++)
      await transaction.remove('public.ledger', [this.#name, n], `writer = $1 and n = $2`)
    transaction.notes.push(() => {
      this.#appended = Math.max(this.#appended, last)
      this.#removedUpTo = Math.max(this.#removedUpTo, upTo)
    })
  }

  async #item(transaction: Transaction): Promise<void> {
    const { int, chance, pick } = this.#random
    for (let n = int(1, 3); n > 0; n--) {
      const old = pick(this.#items)
      const isForRemoval = chance(0.2) && this.#items.length > 5
      if (old === undefined || chance(0.25)) await this.#makeItem(transaction, 'item')
      else if (isForRemoval) {
        await transaction.remove('public.item', [old], 'id = $1')
        transaction.notes.push(() => (this.#items = this.#items.filter((id) => id !== old)))
      } else {
        // its own items and those that were there in the beginning, which belong to nobody
        const id = chance(0.5) ? old : -int(1, options.size.items)
        const sign = chance(0.5) ? 1 : -1 // and never nothing, which would be no change
        if (chance(0.7)) await transaction.add('public.item', id, 'score', sign * int(1, 30))
        else await transaction.add('public.item', id, 'team', sign)
      }
    }
  }

  async #makeItem(transaction: Transaction, label: string): Promise<void> {
    const id = ++this.#made * 100 + this.#index
    const { int } = this.#random
    await transaction.put('public.item', [id], {
      id,
      team: int(0, 3),
      score: int(0, 99),
      label: `${label} ${id}`,
    })
    transaction.notes.push(() => this.#items.push(id))
  }

  /** Comes with hundreds of rows at once, and goes with all of them at once. */
  async #turnWave(transaction: Transaction): Promise<void> {
    if (this.#wave.length > 0) {
      await transaction.removeItems(this.#wave)
      transaction.notes.push(() => (this.#wave = []))
      return
    }
    const ids = Array.from({ length: 500 }, () => ++this.#made * 100 + this.#index)
    await transaction.putItems(ids.map((id) => ({ id, team: id % 3, score: id % 101, label: `wave ${id}` })))
    transaction.notes.push(() => (this.#wave = ids))
  }

  async #connection(): Promise<pg.Client> {
    while (!this.#client) {
      await held?.until
      const client = new pg.Client({ connectionString: options.url, application_name: 'writer' })
      client.on('error', () => this.#lose(client))
      try {
        await client.connect()
        if (held) await client.end()
        else this.#client = client
      } catch {
        await sleep(100) // it is being restarted
      }
    }
    return this.#client
  }

  #lose(client: pg.Client): void {
    if (this.#client === client) this.#client = undefined
    void client.end().catch(() => undefined)
  }

  /** The answer to a commit has not come: whether it happened is for the database to say. */
  async #lookUp(id: string): Promise<boolean> {
    figures.lookedUp++
    for (;;) {
      const client = await this.#connection()
      try {
        const { rowCount } = await client.query('select from written where id = $1', [id])
        return rowCount === 1
      } catch {
        this.#lose(client)
      }
    }
  }
}

/** Does things and notes them, for the record. */
class Transaction {
  writes: Write[] = []
  /** What the writer remembers once it has committed. */
  notes: (() => void)[] = []
  readonly #client: pg.Client
  readonly #random: Random
  #appendedTo: number | undefined

  constructor(client: pg.Client, random: Random) {
    this.#client = client
    this.#random = random
  }

  firstOf(appended: number): number {
    return (this.#appendedTo ?? appended) + 1
  }

  appendedTo(last: number): void {
    this.#appendedTo = last
  }

  async transfer(accounts: number): Promise<void> {
    const from = this.#random.int(1, accounts)
    const to = ((from + this.#random.int(0, accounts - 2)) % accounts) + 1
    const amount = this.#random.int(1, 200)
    const steps = [
      { id: from, amount: -amount },
      { id: to, amount },
    ].sort((a, b) => a.id - b.id)
    for (const step of steps) await this.add('public.account', step.id, 'balance', step.amount)
  }

  async add(relation: string, id: number, column: string, amount: number): Promise<void> {
    const { rowCount } = await this.#client.query(
      `update ${relation} set ${column} = ${column} + $2 where id = $1`,
      [id, amount],
    )
    if (rowCount === 1) this.writes.push({ do: 'add', relation, key: keyText([id]), column, amount })
  }

  async changeAll(table: 'crowd' | 'bulk'): Promise<void> {
    await this.#client.query(`update ${table} set generation = generation + 1`)
    this.writes.push({ do: 'add', relation: `public.${table}`, column: 'generation', amount: 1 })
  }

  async put(
    relation: string,
    key: readonly (string | number)[],
    row: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    const values = Object.values(row)
    await this.#client.query(
      `insert into ${relation} (${Object.keys(row).join()}) values (${values.map((_, i) => `$${i + 1}`).join()})`,
      values,
    )
    this.writes.push({ do: 'put', relation, key: keyText(key), row })
  }

  async remove(relation: string, key: readonly (string | number)[], where: string): Promise<void> {
    const { rowCount } = await this.#client.query(`delete from ${relation} where ${where}`, [...key])
    if (rowCount === 1) this.writes.push({ do: 'remove', relation, key: keyText(key) })
  }

  async putItems(rows: readonly { id: number; team: number; score: number; label: string }[]): Promise<void> {
    await this.#client.query(
      'insert into item select * from jsonb_to_recordset($1) as i (id int, team int, score int, label text)',
      [JSON.stringify(rows)],
    )
    for (const row of rows)
      this.writes.push({ do: 'put', relation: 'public.item', key: keyText([row.id]), row })
  }

  async removeItems(ids: readonly number[]): Promise<void> {
    await this.#client.query('delete from item where id = any ($1)', [ids])
    for (const id of ids) this.writes.push({ do: 'remove', relation: 'public.item', key: keyText([id]) })
  }

  /** Does work that is rolled back to a savepoint. */
  async undone(work: () => Promise<void>): Promise<void> {
    const before = { writes: this.writes, notes: this.notes, appendedTo: this.#appendedTo }
    this.writes = [...before.writes]
    this.notes = [...before.notes]
    await this.#client.query('savepoint before')
    await work()
    await this.#client.query('rollback to before')
    this.writes = before.writes
    this.notes = before.notes
    this.#appendedTo = before.appendedTo
  }
}
