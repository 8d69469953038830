import { RowcastError } from '../../shared/errors.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import type { Definition } from '../routing/definition.ts'
import type { Connection, GatewaySocket } from './connection.ts'
import type { Limits } from './limits.ts'

/** Those who share a limit, as they are at the moment. */
export interface Sharers {
  readonly connections: readonly Connection[]
  /** Of those who are about to attach: what they take, no connection follows yet. */
  readonly allowances: readonly Allowance[]
}

/** What a session, and the identity that uses it, may yet follow beside what they follow and are about to follow. */
export class Allowance {
  readonly #limits: Limits
  readonly #ofSession: () => Sharers
  readonly #ofIdentity: () => Sharers
  readonly #taken = new Set<string>()
  #scansTaken = 0
  #keptRowsTaken = 0
  #keptRows: readonly [ofSession: number, ofIdentity: number] | undefined

  constructor(limits: Limits, ofSession: () => Sharers, ofIdentity: () => Sharers) {
    this.#limits = limits
    this.#ofSession = ofSession
    this.#ofIdentity = ofIdentity
  }

  /** @throws {RowcastError} `limit_exceeded` if this is one too many */
  take(definition: Definition): void {
    if (this.#taken.has(definition.id)) return
    this.#check('subscriptions')
    if (isScan(definition)) {
      this.#check('scans')
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
    this.#keptRows ??= [keptRowsOf(this.#ofSession()), keptRowsOf(this.#ofIdentity())]
    const [ofSession, ofIdentity] = this.#keptRows
    const more = this.#keptRowsTaken + count
    this.#refuseBeyond('keptRowsPerSession', ofSession + more, messages.keptRows)
    this.#refuseBeyond('keptRowsPerIdentity', ofIdentity + more, messages.keptRows)
    this.#keptRowsTaken = more
  }

  #check(what: Counted): void {
    this.#refuseBeyond(`${what}PerSession`, this.#countOf(what, this.#ofSession()) + 1, messages[what])
    this.#refuseBeyond(`${what}PerIdentity`, this.#countOf(what, this.#ofIdentity()) + 1, messages[what])
  }

  #countOf(what: Counted, { connections, allowances }: Sharers): number {
    let count = this.#countTaken(what)
    for (const connection of connections) count += countOf[what](connection)
    for (const other of allowances) if (other !== this) count += other.#countTaken(what)
    return count
  }

  #countTaken(what: Counted): number {
    return what === 'scans' ? this.#scansTaken : this.#taken.size
  }

  #refuseBeyond(limit: keyof Limits, count: number, message: string): void {
    const atMost = this.#limits[limit]
    if (count > atMost) throw new RowcastError('limit_exceeded', `${atMost} ${message} (limits.${limit})`)
  }
}

/** What is granted to sockets that are about to attach, by those who share it: a session's id, and what an identity uses. */
export class Granting {
  readonly #grants = new Map<string | object, Map<Allowance, GatewaySocket>>()

  /** Who has gone will not attach any more. */
  of(sharer: string | object): Allowance[] {
    const grants = [...(this.#grants.get(sharer) ?? [])]
    return grants.flatMap(([allowance, socket]) => (socket.connected ? [allowance] : []))
  }

  /** @returns ends it: what has been taken is followed by now, or will not be */
  begin(socket: GatewaySocket, allowance: Allowance, sharers: readonly (string | object)[]): () => void {
    for (const sharer of sharers) {
      const grants = this.#grants.get(sharer) ?? new Map()
      this.#grants.set(sharer, grants.set(allowance, socket))
    }
    return () => {
      for (const sharer of sharers) {
        const grants = this.#grants.get(sharer)
        grants?.delete(allowance)
        if (grants?.size === 0) this.#grants.delete(sharer)
      }
    }
  }
}

type Counted = 'subscriptions' | 'scans'

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

const countOf: Record<Counted, (connection: Connection) => number> = {
  subscriptions: ({ wanted }) => wanted.size,
  scans: ({ feeds, pending, asked }) => {
    const scans = new Set<SubscriptionId>()
    for (const [id, { definition }] of feeds) if (isScan(definition)) scans.add(id)
    for (const [id, { definition }] of pending) if (isScan(definition)) scans.add(id)
    for (const [id, definition] of asked) if (isScan(definition)) scans.add(id)
    return scans.size
  },
}

function keptRowsOf({ connections }: Sharers): number {
  let count = 0
  for (const { feeds } of connections)
    for (const { window } of feeds.values()) count += window?.keys.size ?? 0
  return count
}
