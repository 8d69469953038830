import type pg from 'pg'
import type { Subscription } from '../../shared/subscription.ts'
import type { Identity } from '../session/identity.ts'
import { define, type Definition } from './definition.ts'

/**
 * So long what a subscription means is taken to be what it was. It may change at any moment anyway between the asking and
 * the reading: whoever reads looks again when PostgreSQL refuses.
 */
const freshMs = 250

/** Works out what subscriptions mean, once for all who ask the same at about the same time, as when a server's clients come back. */
export class Definitions {
  readonly #pool: pg.Pool
  readonly #known = new Map<string, Promise<Definition>>()

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  /** As `define`. */
  define(subscription: Subscription, identity: Identity): Promise<Definition> {
    // What an identity may follow depends on its role alone: claims matter to row security, which is refused yet.
    const name = JSON.stringify([identity.role, subscription])
    const known = this.#known.get(name)
    if (known) return known
    const asked = define(this.#pool, subscription, identity)
    this.#known.set(name, asked)
    const forget = (): void => void this.#known.delete(name)
    asked.then(() => setTimeout(forget, freshMs).unref(), forget) // what is refused may be allowed the next moment
    return asked
  }
}
