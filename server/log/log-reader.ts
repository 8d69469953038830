import type pg from 'pg'
import type { Logger } from 'pino'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectEncoding, type Database } from '../db/pool.ts'
import { Doorbell } from './doorbell.ts'
import { readLog, type LogTransaction } from './read-log.ts'

/** What one pass of the reader found, inside the transaction that saw it. */
export interface Pass {
  /** By `performance.now()`: its snapshot sees all that was committed before. */
  readonly startedAt: number
  readonly epoch: string
  /** Snapshots as text. `from` is where the pass before ended. */
  readonly from: string
  readonly to: string
  readonly transactions: readonly LogTransaction[]
  /** Relations of which there is too much to be read in one go: their changes are not among the transactions. */
  readonly heavy: readonly number[]
  /** Reads the database exactly as it stood at `to`. Only until the pass returns. */
  readonly client: pg.ClientBase
  /** Lets other connections read at `to`: `set transaction snapshot`. They must import it before the pass returns. */
  exportSnapshot(): Promise<string>
}

export interface LogReaderOptions {
  readonly database: Database
  readonly logger: Logger
  /** The relations that anybody follows; what nobody follows is not read. Empty: the reader rests. */
  relationIds(): readonly number[]
  /** Someone waits for a position to start from, though nothing may have changed. */
  isAwaited(): boolean
  /** Hands on what a pass found. If it fails the pass is repeated, so it fails before it sends anything. */
  deliver(pass: Pass): Promise<void>
  /** Lets those begin who wait for a position to start from: everything up to `to` has been delivered. */
  welcome(pass: Pass): Promise<void>
  /** The database may have taken back what was seen: positions of before mean nothing. */
  onEpoch(epoch: string): void
}

interface ReaderConnection {
  readonly client: pg.Client
  readonly bell: Doorbell
}

/** Between two reads while there is work. */
const pollMs = 2
/** The longest wait between two reads while a captured transaction is in flight. */
const slowPollMs = 20
/** Finding nothing this often, the reader tries to sleep. */
const emptyPassesBeforeSleep = 3
/** A sleeping reader looks by itself this often: a wake-up that was lost costs no more. */
const longestSleepMs = 2_000
const reconnectDelaysMs = [50, 100, 250, 500, 1_000, 2_000]

/**
 * Follows the change log from the position at which it starts, and hands on all that commits, pass by pass.
 *
 * Waking it only hints that there may be more to read, so a notification that is lost, merged or
 * repeated costs latency and never a change. When its connection breaks it makes another and goes on
 * from the last position that was handed on: a failure repeats a pass, and never skips one.
 */
export class LogReader {
  readonly #options: LogReaderOptions
  /** What it reads by, and rests by; undefined while there is none. */
  #connection: ReaderConnection | undefined
  #position: { epoch: string; snapshot: string } | undefined
  readonly #closing = new AbortController()
  #isWoken = false
  #wasRung = false
  #rouse: () => void = () => undefined
  #running: Promise<void> | undefined

  constructor(options: LogReaderOptions) {
    this.#options = options
  }

  /** Connects and begins to read; rejects if the database cannot be reached the first time. */
  async start(): Promise<void> {
    await this.#connect()
    this.#running = this.#run()
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** Of the database as the reader last found it. Only once started. */
  get epoch(): string {
    if (!this.#position) throw new Error('the log reader has not been started')
    return this.#position.epoch
  }

  /** Reads soon. Wakes meanwhile fold into one more pass. */
  wake(): void {
    this.#isWoken = true
    this.#rouse()
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.wake()
    await this.#running
    await this.#connection?.client.end().catch(() => undefined)
    this.#connection = undefined
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#closing.signal.aborted) {
      try {
        const connection = this.#connection ?? (await this.#connect())
        await this.#follow(connection, () => (failures = 0))
      } catch (error) {
        if (this.#closing.signal.aborted) return
        const delayMs = reconnectDelaysMs[Math.min(failures++, reconnectDelaysMs.length - 1)] ?? 0
        this.#options.logger.warn(
          { err: error, delayMs },
          'lost the database while reading the log; trying again',
        )
        this.#drop()
        await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => undefined)
      }
    }
  }

  #drop(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.client.end().catch(() => undefined)
  }

  async #connect(): Promise<ReaderConnection> {
    const client = await connectEncoding(this.#options.database)
    try {
      client.on('notification', () => {
        this.#wasRung = true
        this.wake()
      })
      client.on('error', () => this.#rouse())
      client.on('end', () => this.#rouse())
      await client.query('listen rowcast')
      const { rows } = await client.query(
        'select event.epoch() as epoch, pg_current_snapshot()::text as snapshot',
      )
      const { epoch, snapshot } = rows[0]
      if (this.#position?.epoch !== epoch) {
        // What was seen under another epoch may never have happened: begin anew, and say so.
        const isFirst = this.#position === undefined
        this.#position = { epoch, snapshot }
        if (!isFirst) this.#options.onEpoch(epoch)
      }
      return (this.#connection = { client, bell: new Doorbell(client) })
    } catch (error) {
      await client.end().catch(() => undefined)
      throw error
    }
  }

  /** Reads while there is work, and sleeps while there is none, until the connection fails. */
  async #follow({ client, bell }: ReaderConnection, onSuccess: () => void): Promise<void> {
    let emptyPasses = 0
    while (!this.#closing.signal.aborted) {
      this.#isWoken = false
      if (this.#options.relationIds().length === 0 && !this.#options.isAwaited()) {
        // Nobody follows anything. The bell is not held, so that writers need not ring.
        await bell.release()
        await this.#rest(longestSleepMs)
        continue
      }
      const wasRung = this.#wasRung
      this.#wasRung = false
      const found = await this.#pass(client)
      onSuccess()
      // Awake from here on: a writer need not ring while the reader comes back by itself.
      // Rung for nothing: somebody writes what nobody follows, and is not to ring for each commit.
      if (found || wasRung) await bell.release()
      emptyPasses = found || wasRung ? 0 : emptyPasses + 1
      if (bell.isHeld) await this.#rest(longestSleepMs)
      else if (emptyPasses < emptyPassesBeforeSleep) await this.#rest(found ? 0 : pollMs)
      else if (!(await bell.take())) await this.#rest(Math.min(pollMs * emptyPasses, slowPollMs))
      // With the bell just taken it reads once more before it sleeps: see DESIGN "The doorbell".
    }
  }

  /** One pass: true if it found something. */
  async #pass(client: pg.Client): Promise<boolean> {
    const position = this.#position
    if (!position) throw new Error('the log reader has no connection')
    const startedAt = performance.now()
    const results = await client.query(
      'begin isolation level repeatable read read only; select pg_current_snapshot()::text as snapshot',
    )
    const to: string = (results as unknown as pg.QueryResult[])[1]?.rows[0].snapshot
    const transactions = await readLog(client, position.snapshot, to, this.#options.relationIds())
    const pass: Pass = {
      startedAt,
      epoch: position.epoch,
      from: position.snapshot,
      to,
      transactions,
      heavy: [],
      client,
      exportSnapshot: async () => (await client.query('select pg_export_snapshot() as id')).rows[0].id,
    }
    await this.#options.deliver(pass)
    this.#position = { epoch: position.epoch, snapshot: to } // after delivery: a failure repeats, never skips
    await this.#options.welcome(pass)
    await client.query('commit')
    return transactions.length > 0
  }

  async #rest(ms: number): Promise<void> {
    if (this.#isWoken || this.#closing.signal.aborted) return
    if (ms === 0) return
    const waiting = new AbortController()
    this.#rouse = () => waiting.abort()
    await sleep(ms, undefined, { signal: waiting.signal }).catch(() => undefined)
    this.#rouse = () => undefined
  }
}
