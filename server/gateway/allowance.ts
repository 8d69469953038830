import { RowcastError } from '../../shared/errors.ts'
import type { Definition } from '../routing/definition.ts'
import type { Connection } from './connection.ts'
import type { Limits } from './limits.ts'

/** What a session, and the identity that uses it, may yet follow beside what their connections follow. */
export class Allowance {
  readonly #limits: Limits
  readonly #ofSession: readonly Connection[]
  readonly #ofIdentity: readonly Connection[]
  readonly #taken = new Set<string>()
  #scansTaken = 0

  constructor(limits: Limits, ofSession: readonly Connection[], ofIdentity: readonly Connection[]) {
    this.#limits = limits
    this.#ofSession = ofSession
    this.#ofIdentity = ofIdentity
  }

  /** @throws {RowcastError} `limit_exceeded` if this is one too many */
  take(definition: Definition): void {
    if (this.#taken.has(definition.id)) return
    this.#check('subscriptions', followedBy, this.#taken.size + 1)
    if (isScan(definition)) {
      this.#check('scans', scansOf, this.#scansTaken + 1)
      this.#scansTaken += 1
    }
    this.#taken.add(definition.id)
  }

  #check(what: 'subscriptions' | 'scans', countOf: (connection: Connection) => number, more: number): void {
    const limits = this.#limits
    const sum = (connections: readonly Connection[]) =>
      connections.reduce((count, connection) => count + countOf(connection), more)
    for (const [limit, connections] of [
      [`${what}PerSession`, this.#ofSession],
      [`${what}PerIdentity`, this.#ofIdentity],
    ] as const)
      if (sum(connections) > limits[limit])
        throw new RowcastError('limit_exceeded', `${limits[limit]} ${messages[what]} (limits.${limit})`)
  }
}

const messages = {
  subscriptions: 'subscriptions are as many as may be followed at once: leave some',
  scans:
    'filtered, ordered or limited tables without an equality in the filter are as many as may be followed at once: add an equality, or leave some',
}

/** Asked again whenever anything changes in its table. */
function isScan(definition: Definition): boolean {
  return definition.kind === 'table' && definition.query !== null && definition.query.equalities.length === 0
}

function followedBy({ wanted }: Connection): number {
  return wanted.size
}

function scansOf({ feeds, pending }: Connection): number {
  let count = 0
  for (const { definition } of feeds.values()) if (isScan(definition)) count += 1
  for (const [id, { definition }] of pending) if (!feeds.has(id) && isScan(definition)) count += 1
  return count
}
