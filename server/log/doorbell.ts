import type pg from 'pg'
import type { Logger } from 'pino'

/**
 * - `ours`: writers ring from now on.
 * - `others`: another server holds the bell. Writers ring, and every server hears it.
 * - `busy`: captured transactions are in flight, and will not ring.
 */
export type BellState = 'ours' | 'others' | 'busy'

/** The payload of a notification by which the bell is given back. A writer's is empty. */
export const givenBack = 'awake'

/** Who holds the bell looks every 2 s. One that has not in so many looks of ours, so far apart, is frozen, or cut off. */
const looksAtSilence = 20
const lookMs = 400

/**
 * The doorbell as a reader uses it, on one connection. Who holds it exclusively is rung by writers, and all readers listen.
 * It is to be had only while no captured transaction is in flight: all that went by without ringing is to be seen by then.
 * So whoever has just taken it, or has just seen that another holds it, reads once more, and may sleep: see DESIGN.
 */
export class Doorbell {
  readonly #client: pg.ClientBase
  readonly #logger: Logger
  #isHeld = false
  #seen: { readonly pid: number; readonly silentSince: string; readonly looks: number } | undefined
  #lastLookAt = -Infinity

  /** @param client its end gives the bell back, without a word to the others */
  constructor(client: pg.ClientBase, logger: Logger) {
    this.#client = client
    this.#logger = logger
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  async take(): Promise<BellState> {
    if (this.#isHeld) return 'ours'
    const { rows } = await this.#client.query('select event.bell_take() as state')
    const { state } = rows[0]
    this.#isHeld = state === 'ours'
    return state === 'others' && (await this.watch()) ? 'busy' : state
  }

  /** From here on no writer rings, and those who slept because this reader held the bell are woken. */
  async giveBack(): Promise<void> {
    if (!this.#isHeld) return
    this.#isHeld = false
    await this.#client.query('select event.bell_give_back()')
  }

  /**
   * Looks, when it is time, whether who holds the bell is well, and ends its connection if not: nothing is lost meanwhile, but
   * every commit pays for a NOTIFY. Looks are counted rather than time: a clock that jumps, there or here, or a pause of
   * this process, must not make a healthy holder look frozen. True if nobody holds it now by our doing.
   */
  async watch(): Promise<boolean> {
    const now = performance.now()
    if (this.#isHeld || now - this.#lastLookAt < lookMs) return false
    this.#lastLookAt = now
    const { rows } = await this.#client.query('select * from event.bell_holder()')
    const { holder: pid, silent_since: silentSince } = rows[0]
    const isStill = silentSince !== null && this.#seen?.pid === pid && this.#seen?.silentSince === silentSince
    this.#seen = { pid, silentSince, looks: isStill ? (this.#seen?.looks ?? 0) + 1 : 0 }
    if (this.#seen.looks < looksAtSilence) return false
    this.#seen = undefined
    return this.#end(pid, silentSince)
  }

  async #end(pid: number, silentSince: string): Promise<boolean> {
    const sql = 'select event.bell_end_holder($1, $2) as ended'
    try {
      const { rows } = await this.#client.query(sql, [pid, silentSince])
      if (rows[0].ended)
        this.#logger.warn({ pid, silentSince }, 'ended a frozen database connection, which held the doorbell')
      return rows[0].ended
    } catch (error) {
      this.#logger.warn(
        { err: error, pid },
        'could not end a frozen database connection, which holds the doorbell',
      )
      return false
    }
  }
}
