import type { ErrorCode } from '../shared/errors.ts'
import type { Position } from '../shared/position.ts'
import type { Subscription } from '../shared/subscription.ts'

/** What one client was sent and what it held, in the order in which that was. */
export interface ClientRecords {
  readonly name: string
  readonly records: readonly ClientRecord[]
}

/** `at`: milliseconds since 1970. */
export type ClientRecord = { readonly at: number } & (Opened | Renewing | Frame | Held)

/** A connection is made, as an identity. */
export interface Opened {
  readonly kind: 'opened'
  readonly identity: number
}

/** On the open connection somebody is about to say that he is another now. */
export interface Renewing {
  readonly kind: 'renewing'
  readonly identity: number
}

/** One message of the transport, as it passed. */
export interface Frame {
  readonly kind: 'sent' | 'received'
  readonly text: string
}

/** What the store holds for what is followed, once it has come to a position. */
export interface Held {
  readonly kind: 'held'
  readonly position: Position
  readonly holdings: readonly Holding[]
  /** Everything has come to rest: nothing is on its way any more. */
  readonly isAtRest: boolean
}

export interface Holding {
  readonly subscription: Subscription
  readonly result:
    | { readonly status: 'ready'; readonly data: unknown }
    | { readonly status: 'error'; readonly code: ErrorCode; readonly since: number }
}
