import type pg from 'pg'

/**
 * The doorbell as a reader uses it, on one connection: who holds it exclusively is rung by writers. It is to be had only
 * while no captured transaction is in flight, so none can slip by unread and without ringing: see DESIGN.
 */
export class Doorbell {
  readonly #client: pg.ClientBase
  #isHeld = false

  /** @param client its end gives the bell back */
  constructor(client: pg.ClientBase) {
    this.#client = client
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** True if it is held now. Whoever has just taken it reads once more before it sleeps. */
  async take(): Promise<boolean> {
    const { rows } = await this.#client.query('select pg_try_advisory_lock(event.bell_key()) as taken')
    this.#isHeld = rows[0].taken
    return this.#isHeld
  }

  /** From here on no writer rings. */
  async release(): Promise<void> {
    if (!this.#isHeld) return
    this.#isHeld = false
    await this.#client.query('select pg_advisory_unlock(event.bell_key())')
  }
}
