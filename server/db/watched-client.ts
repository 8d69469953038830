import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { sqlStateOf } from './failures.ts'

/** Looks are counted rather than time: after a pause of this process what has arrived is read before the next one. */
const lookMs = 1_000
/** Without a byte for so many looks, somebody asks whether the database is still at it. */
const patience = 5
const probeTimeoutMs = 3_000
/** The answer may be on its way when the database says that it has answered. */
const graceMs = 1_000
const endTimeoutMs = 1_000

/**
 * A connection that notices when its other end has gone without a word: a network that swallows, a machine that has lost its
 * power. TCP itself would wait for minutes. A query that PostgreSQL still works on may take as long as it takes.
 *
 * When nothing arrives for some seconds, it asks on another connection. If the database is not at work on the query, or
 * cannot be reached, it breaks the connection, and the query fails with ETIMEDOUT.
 */
export class WatchedClient extends pg.Client {
  readonly #config: pg.ClientConfig
  #isWaiting = false
  #bytes = 0
  #silence = 0

  constructor(config: pg.ClientConfig = {}) {
    super(config)
    this.#config = { ...config, password: config.password } // a pool hides it from a spread
    this.on('error', () => undefined) // its queries fail too, and are answered there
    this.on('drain', () => (this.#isWaiting = false))
    this.once('connect', () => {
      const looking = setInterval(() => this.#look(), lookMs).unref()
      this.once('end', () => clearInterval(looking))
    })
  }

  // Whatever the overloads take and give: nothing of it is looked at here.
  // oxlint-disable-next-line typescript/no-explicit-any
  override query(...parameters: any[]): any {
    if (!this.#isWaiting) this.#silence = 0
    this.#isWaiting = true
    return Reflect.apply(super.query, this, parameters)
  }

  // oxlint-disable-next-line typescript/no-explicit-any
  override end(...parameters: any[]): any {
    const timer = setTimeout(() => this.#socket.destroy(), endTimeoutMs).unref()
    this.once('end', () => clearTimeout(timer))
    return Reflect.apply(super.end, this, parameters)
  }

  #look(): void {
    const { bytesRead } = this.#socket
    if (!this.#isWaiting || bytesRead !== this.#bytes) this.#silence = 0
    else if (++this.#silence === patience) void this.#ask(bytesRead)
    this.#bytes = bytesRead
  }

  async #ask(bytesRead: number): Promise<void> {
    if (!(await this.#isAtWork())) {
      await sleep(graceMs, undefined, { ref: false })
      if (this.#isWaiting && this.#socket.bytesRead === bytesRead)
        this.#socket.destroy(
          Object.assign(new Error('the database has fallen silent in the middle of a query'), {
            code: 'ETIMEDOUT',
          }),
        )
    }
    this.#silence = 0 // and look again
  }

  async #isAtWork(): Promise<boolean> {
    const probe = new pg.Client({
      ...this.#config,
      connectionTimeoutMillis: probeTimeoutMs,
      query_timeout: probeTimeoutMs,
    })
    probe.on('error', () => undefined)
    try {
      await probe.connect()
      const { rows } = await probe.query(atWork, [Reflect.get(this, 'processID')])
      return rows[0]?.yes ?? false
    } catch (error) {
      return sqlStateOf(error)?.startsWith('53') ?? false // no more connections: it is there, and may well be at it
    } finally {
      void probe.end().catch(() => undefined)
    }
  }

  /** Which node-postgres's types leave out. */
  get #socket(): Socket {
    return (this as unknown as { connection: { stream: Socket } }).connection.stream
  }
}

// Sending what nobody takes off is no work.
const atWork = `
  select a.state = 'disabled' or a.state = 'active' and a.wait_event is distinct from 'ClientWrite' as yes
  from pg_stat_activity as a where a.pid = $1`
