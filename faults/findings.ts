import type { Position } from '../shared/position.ts'

export const violationKinds = [
  /** A change that a client should have been shown, handed or sent was not. */
  'lost',
  /** A change was handed to a recorder again, or sent again where it had been applied. */
  'twice',
  /** Part of a transaction. */
  'torn',
  /** A change of a transaction that the position does not see, or that nobody committed. */
  'early',
  /** A client went to a position that does not see all that its last one saw. */
  'backwards',
  /** What is shown is not what `select` returns there, in some other way. */
  'wrong',
  /** At rest a client does not hold what `select` returns, or has not come to rest. */
  'end',
  /** A reset, a fresh snapshot or an end of a subscription for which the schedule gives no reason. */
  'reset',
  /** A client reported what does not happen in a sound system. */
  'error',
  /** There was nothing to check of something that is to be checked. */
  'unchecked',
  /** The records contradict themselves: the harness is at fault, or the database. */
  'records',
] as const
export type ViolationKind = (typeof violationKinds)[number]

export interface Place {
  readonly client?: string
  readonly subscription?: string
  readonly position?: Position
}

export interface Violation extends Place {
  readonly kind: ViolationKind
  /** What was expected and what was found. */
  readonly message: string
  /** How often the same kind was found of the same client and subscription; the message is the first one's. */
  readonly times: number
}

/** Collects violations: the first of each kind, client and subscription, since what went wrong once goes on to be wrong. */
export class Findings {
  readonly #found = new Map<string, Violation>()

  add(kind: ViolationKind, place: Place, message: string): void {
    const name = JSON.stringify([kind, place.client, place.subscription])
    const first = this.#found.get(name)
    this.#found.set(
      name,
      first ? { ...first, times: first.times + 1 } : { kind, ...place, message, times: 1 },
    )
  }

  /** Whether this is the first of its kind there, and so worth an explanation. */
  isNew(kind: ViolationKind, { client, subscription }: Place): boolean {
    return !this.#found.has(JSON.stringify([kind, client, subscription]))
  }

  get violations(): Violation[] {
    return [...this.#found.values()]
  }
}

export function describe({ kind, client, subscription, position, message, times }: Violation): string {
  const place = [client, subscription, position].filter((part) => part !== undefined).join(', ')
  return `${kind}: ${place === '' ? '' : `${place}: `}${message}${times > 1 ? ` (${times} times)` : ''}`
}
