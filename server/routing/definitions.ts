import type pg from 'pg'
import type { Subscription } from '../../shared/subscription.ts'
import { Grouped } from '../session/grouped.ts'
import type { Identity } from '../session/identity.ts'
import { readRelation, type RelationInfo } from './catalogue.ts'
import { meaningOf, tryOut, type Definition, type Meaning } from './definition.ts'
import { sightsOf, type Sight } from './sight.ts'

/**
 * So long what a subscription means is taken to be what it was. It may change at any moment anyway between the asking and
 * the reading: whoever reads looks again when PostgreSQL refuses.
 */
const freshMs = 250

/** Works out what subscriptions mean, once for all who ask the same at about the same time, as when a server's clients come back. */
export class Definitions {
  readonly #pool: pg.Pool
  readonly #meanings = new Map<string, Promise<Meaning>>()
  readonly #relations = new Map<string, Promise<RelationInfo>>()
  readonly #tried = new Map<string, Promise<void>>()
  readonly #sights = new Map<string, Promise<Sight>>()
  readonly #seeing: Grouped<SightRequest, Sight>

  constructor(pool: pg.Pool) {
    this.#pool = pool
    this.#seeing = new Grouped((requests) => seeAll(pool, requests))
  }

  /** As `define`. */
  async define(subscription: Subscription, identity: Identity): Promise<Definition> {
    // What an identity may follow depends on its role alone; what it sees of that, on its claims.
    const { role, claims } = identity
    const meaning = await briefly(this.#meanings, [role, subscription], () =>
      meaningOf(this.#pool, subscription, identity, {
        relationOf: (relation, column) =>
          briefly(this.#relations, [role, relation, column], () =>
            readRelation(this.#pool, relation, column, identity),
          ),
        tryOut: (relation, select) =>
          briefly(this.#tried, [relation.id, relation.state, select.text], () =>
            tryOut(this.#pool, relation, select, identity),
          ),
      }),
    )
    const { relation } = meaning
    const sight = await briefly(this.#sights, [relation.id, relation.state, claims], () =>
      this.#seeing.ask({ relation, identity }),
    )
    return { ...meaning, sight }
  }

  /** Something has changed: what has just been answered may be out of date. */
  forget(): void {
    for (const known of [this.#meanings, this.#relations, this.#tried, this.#sights]) known.clear()
  }
}

interface SightRequest {
  readonly relation: RelationInfo
  readonly identity: Identity
}

/** Of each relation and role, all in one question. */
async function seeAll(pool: pg.Pool, requests: readonly SightRequest[]): Promise<Sight[]> {
  const groups = new Map<string, number[]>()
  requests.forEach(({ relation: { id, state } }, place) => {
    const name = JSON.stringify([id, state])
    const group = groups.get(name)
    if (group) group.push(place)
    else groups.set(name, [place])
  })
  const sights: Sight[] = []
  for (const places of groups.values()) {
    const of = places.flatMap((place) => requests[place] ?? [])
    const [first] = of
    if (!first) continue
    const seen = await sightsOf(
      pool,
      first.relation,
      of.map(({ identity }) => identity),
    )
    seen.forEach((sight, i) => (sights[places[i] ?? -1] = sight))
  }
  return sights
}

/** Asks, unless the same is being asked or has just been answered. */
function briefly<T>(known: Map<string, Promise<T>>, what: unknown, ask: () => Promise<T>): Promise<T> {
  const name = JSON.stringify(what)
  const before = known.get(name)
  if (before) return before
  const asked = ask()
  known.set(name, asked)
  const forget = (): void => {
    if (known.get(name) === asked) known.delete(name)
  }
  asked.then(() => setTimeout(forget, freshMs).unref(), forget) // what is refused may be allowed the next moment
  return asked
}
