import type pg from 'pg'
import type { Subscription } from '../../shared/subscription.ts'
import type { Identity } from '../session/identity.ts'
import { readRelation, type RelationInfo } from './catalogue.ts'
import { define, type Definition } from './definition.ts'

/**
 * So long what a subscription means is taken to be what it was. It may change at any moment anyway between the asking and
 * the reading: whoever reads looks again when PostgreSQL refuses.
 */
const freshMs = 250

/** Works out what subscriptions mean, once for all who ask the same at about the same time, as when a server's clients come back. */
export class Definitions {
  readonly #pool: pg.Pool
  readonly #definitions = new Map<string, Promise<Definition>>()
  readonly #relations = new Map<string, Promise<RelationInfo>>()

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  /** As `define`. */
  define(subscription: Subscription, identity: Identity): Promise<Definition> {
    // What an identity may follow depends on its role alone: claims matter to row security, which is refused yet.
    const { role } = identity
    return briefly(this.#definitions, [role, subscription], () =>
      define(this.#pool, subscription, identity, (relation, column) =>
        briefly(this.#relations, [role, relation, column], () =>
          readRelation(this.#pool, relation, column, identity),
        ),
      ),
    )
  }
}

/** Asks, unless the same is being asked or has just been answered. */
function briefly<T>(known: Map<string, Promise<T>>, what: unknown, ask: () => Promise<T>): Promise<T> {
  const name = JSON.stringify(what)
  const before = known.get(name)
  if (before) return before
  const asked = ask()
  known.set(name, asked)
  const forget = (): void => void known.delete(name)
  asked.then(() => setTimeout(forget, freshMs).unref(), forget) // what is refused may be allowed the next moment
  return asked
}
