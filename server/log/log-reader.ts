import type pg from 'pg'
import type { Logger } from 'pino'
import { setTimeout as sleep } from 'node:timers/promises'
import { sqlStates } from '../../shared/errors.ts'
import { sqlStateOf } from '../db/failures.ts'
import { connectEncoding, type Database } from '../db/pool.ts'
import { Doorbell, givenBack } from './doorbell.ts'
import { beginReading, type LogBounds, type LogReadingNow, type LogTransaction } from './read-log.ts'

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
  /** What `asideSql` gave. */
  readonly aside: readonly unknown[]
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
  /** Those among them of which old values are wanted, too. Default: none. */
  decisiveIds?(): readonly number[]
  /** What is likely to be asked of the pass, and takes no round trip of its own if it is asked along with it. */
  asideSql?(): string | undefined
  /** Someone waits for a position to start from, though nothing may have changed. */
  isAwaited(): boolean
  /** Hands on what a pass found. If it fails the pass is repeated, so it fails before it sends anything. */
  deliver(pass: Pass): Promise<void>
  /** Lets those begin who wait for a position to start from: everything up to `to` has been delivered. */
  welcome(pass: Pass): Promise<void>
  /** The database may have taken back what was seen: positions of before mean nothing. */
  onEpoch(epoch: string): void
  /** Nothing could be handed on for some seconds, for want of a database mostly. May be told more than once. */
  onAway?(): void
  /** A pass has failed, and is repeated. */
  onFailure?(): void
  /** What came next has been pruned before it was read, and the reader goes on from now: nobody's rows are right any more. */
  onGap(): void
  /** For tests. */
  readonly rests?: Partial<Rests>
  /** Of one pass. */
  readonly bounds?: LogBounds
}

/** How long a reader sleeps, at the most, before it looks by itself. */
export interface Rests {
  /** With the bell: a wake-up that was lost costs no more. */
  readonly asleepMs: number
  /** Another has the bell: should that one die, nobody passes the wake-up on. */
  readonly standbyMs: number
}

const defaultRests: Rests = { asleepMs: 2_000, standbyMs: 500 }

interface ReaderConnection {
  readonly client: pg.Client
  readonly bell: Doorbell
}

/** Between two reads while there is work. */
const pollMs = 2
/** After a read that found so much: what comes meanwhile is read in one go, since each read has a price of its own. */
const restPerChangeMs = 0.1
const shortestRestMs = 1
const longestRestMs = 25
/** The longest wait between two reads while a captured transaction is in flight. */
const slowPollMs = 20
/** Finding nothing this often, the reader tries to sleep. */
const emptyPassesBeforeSleep = 3
/** Whoever follows something else is not kept waiting for a table that is just being altered. */
const lockTimeoutMs = 1_000
/** So long nobody needs to know. A reader that sleeps has read two seconds ago. */
const tellAwayMs = 3_000
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
  readonly #rests: Rests
  /** What it reads by, and rests by; undefined while there is none. */
  #connection: ReaderConnection | undefined
  #position: { epoch: string; snapshot: string } | undefined
  readonly #closing = new AbortController()
  #isWoken = false
  #wasRung = false
  #emptyPasses = 0
  #handedOnUpTo = performance.now()
  #rouse: () => void = () => undefined
  #running: Promise<void> | undefined

  constructor(options: LogReaderOptions) {
    this.#options = options
    this.#rests = { ...defaultRests, ...options.rests }
  }

  /** Connects and begins to read; rejects if the database cannot be reached the first time. */
  async start(): Promise<void> {
    await this.#connect()
    this.#running = this.#run()
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** It sleeps, and writers ring: nobody else of the readers of this database is rung. */
  get hasBell(): boolean {
    return this.#connection?.bell.isHeld ?? false
  }

  /** By `performance.now()`: all that was committed before has been handed on. */
  get handedOnUpTo(): number {
    return this.#handedOnUpTo
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
    const connection = this.#connection
    this.#connection = undefined
    await connection?.bell.giveBack().catch(() => undefined)
    await connection?.client.end().catch(() => undefined)
  }

  async #run(): Promise<void> {
    let failures = 0
    let lastReadAt = performance.now()
    const onSuccess = () => {
      failures = 0
      lastReadAt = performance.now()
    }
    while (!this.#closing.signal.aborted) {
      try {
        const connection = this.#connection ?? (await this.#connect())
        await this.#follow(connection, onSuccess)
      } catch (error) {
        if (this.#closing.signal.aborted) return
        this.#options.onFailure?.()
        const delayMs = reconnectDelaysMs[Math.min(failures++, reconnectDelaysMs.length - 1)] ?? 0
        const isLost = failures > 1 || !(await this.#rollBack())
        if (isLost) this.#drop()
        const what = isLost ? 'lost the database while reading the log' : 'could not hand on what was read'
        this.#options.logger.warn({ err: error, delayMs }, `${what}; trying again`)
        if (performance.now() - lastReadAt >= tellAwayMs) this.#options.onAway?.()
        await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => undefined)
      }
    }
  }

  /** True if the connection can be gone on with: it was not the connection that failed. */
  async #rollBack(): Promise<boolean> {
    if (!this.#connection) return false
    const { client, bell } = this.#connection
    try {
      await client.query('rollback')
      await bell.giveBack()
      await client.query('select pg_advisory_unlock_all()') // had it been taken when the failure came, nobody would know
      return true
    } catch {
      return false
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
      const bell = new Doorbell(client, this.#options.logger)
      client.on('notification', ({ payload }) => {
        if (!this.#isNeeded) return
        if (payload !== givenBack) this.#wasRung = true
        else if (bell.isHeld) return // taken since then
        this.#emptyPasses = 0
        this.wake()
      })
      client.on('error', () => this.#rouse())
      client.on('end', () => this.#rouse())
      await client.query(`listen rowcast; set lock_timeout = '${lockTimeoutMs}ms'`)
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
      return (this.#connection = { client, bell })
    } catch (error) {
      await client.end().catch(() => undefined)
      throw error
    }
  }

  /** Reads while there is work, and sleeps while there is none, until the connection fails. */
  async #follow({ client, bell }: ReaderConnection, onSuccess: () => void): Promise<void> {
    this.#emptyPasses = 0
    while (!this.#closing.signal.aborted) {
      this.#isWoken = false
      const wasRung = this.#wasRung
      this.#wasRung = false
      // Asked before reading: only who reads once more may sleep.
      const isIdle = this.#isNeeded && this.#emptyPasses >= emptyPassesBeforeSleep
      const state = isIdle ? await bell.take() : 'busy'
      const changes = await this.#pass(client)
      onSuccess()
      const found = changes > 0
      // Awake from here on: a writer need not ring while the reader comes back by itself.
      // Rung for nothing: somebody writes what nobody follows, and is not to ring for each commit.
      // Nobody follows anything: nor is anybody to ring.
      if (found || wasRung || !this.#isNeeded) await bell.giveBack()
      if (wasRung) await bell.watch()
      this.#emptyPasses = found || wasRung || !this.#isNeeded ? 0 : this.#emptyPasses + 1
      if (found) {
        await this.#rest(Math.min(Math.max(shortestRestMs, changes * restPerChangeMs), longestRestMs))
        continue
      }
      if (bell.isHeld || !this.#isNeeded) await this.#rest(this.#rests.asleepMs)
      else if (state === 'others') await this.#rest(this.#rests.standbyMs)
      else await this.#rest(Math.min(pollMs * Math.max(1, this.#emptyPasses - 2), slowPollMs))
    }
  }

  /** Somebody follows something, or is about to. */
  get #isNeeded(): boolean {
    return this.#options.relationIds().length > 0 || this.#options.isAwaited()
  }

  /** One pass: how many changes it found. Of what there is too much of each relation counts for one. */
  async #pass(client: pg.Client): Promise<number> {
    const position = this.#position
    if (!position) throw new Error('the log reader has no connection')
    const startedAt = performance.now()
    const reading = await this.#begin(client, position.snapshot)
    if (reading === 'expired') {
      await this.#skip(client)
      return 0
    }
    const { to } = reading
    const pass: Pass = {
      startedAt,
      epoch: position.epoch,
      from: position.snapshot,
      ...reading,
      client,
      exportSnapshot: async () => (await client.query('select pg_export_snapshot() as id')).rows[0].id,
    }
    await this.#options.deliver(pass)
    this.#handedOnUpTo = startedAt
    this.#position = { epoch: position.epoch, snapshot: to } // after delivery: a failure repeats, never skips
    await this.#options.welcome(pass)
    await client.query('commit')
    return reading.transactions.reduce((sum, { rows }) => sum + rows.length, reading.heavy.length)
  }

  async #begin(client: pg.Client, from: string): Promise<LogReadingNow | 'expired'> {
    try {
      const { relationIds, decisiveIds, bounds, asideSql } = this.#options
      return await beginReading(client, from, relationIds(), bounds, decisiveIds?.(), asideSql?.())
    } catch (error) {
      if (sqlStateOf(error) === sqlStates.position_expired) return 'expired'
      throw error
    }
  }

  /** Goes on from now. */
  async #skip(client: pg.Client): Promise<void> {
    await client.query('rollback')
    const { rows } = await client.query('select pg_current_snapshot()::text as snapshot')
    this.#position = { epoch: this.epoch, snapshot: rows[0].snapshot }
    this.#options.logger.warn('changes have been pruned before they were read; going on from now')
    this.#options.onGap()
  }

  async #rest(ms: number): Promise<void> {
    if (this.#isWoken || this.#closing.signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#rouse = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#rouse = () => undefined
  }
}
