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
  #keptRowsTaken = 0
  #keptRows: readonly [ofSession: number, ofIdentity: number] | undefined

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

  /**
   * Of something that begins to be followed, in the turn of the event loop in which the allowance was made.
   *
   * @throws {RowcastError} `limit_exceeded` if these rows are too many to keep account of
   */
  takeRows(count: number): void {
    if (count === 0) return
    this.#keptRows ??= [sumOf(this.#ofSession, keptRowsOf), sumOf(this.#ofIdentity, keptRowsOf)]
    const [ofSession, ofIdentity] = this.#keptRows
    const more = this.#keptRowsTaken + count
    this.#refuseBeyond('keptRowsPerSession', ofSession + more, messages.keptRows)
    this.#refuseBeyond('keptRowsPerIdentity', ofIdentity + more, messages.keptRows)
    this.#keptRowsTaken = more
  }

  #check(what: 'subscriptions' | 'scans', countOf: (connection: Connection) => number, more: number): void {
    this.#refuseBeyond(`${what}PerSession`, sumOf(this.#ofSession, countOf) + more, messages[what])
    this.#refuseBeyond(`${what}PerIdentity`, sumOf(this.#ofIdentity, countOf) + more, messages[what])
  }

  #refuseBeyond(limit: keyof Limits, count: number, message: string): void {
    const atMost = this.#limits[limit]
    if (count > atMost) throw new RowcastError('limit_exceeded', `${atMost} ${message} (limits.${limit})`)
  }
}

function sumOf(connections: readonly Connection[], countOf: (connection: Connection) => number): number {
  return connections.reduce((sum, connection) => sum + countOf(connection), 0)
}

const messages = {
  subscriptions: 'subscriptions are as many as may be followed at once: leave some',
  scans:
    'filtered, ordered or limited tables without an equality in the filter are as many as may be followed at once: add an equality, or leave some',
  keptRows:
    'rows are as many as may be shown at once by filters, orders, limits and row security: ask for fewer',
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

function keptRowsOf({ feeds }: Connection): number {
  let count = 0
  for (const { window } of feeds.values()) count += window?.keys.size ?? 0
  return count
}
