import type { KeyText, RelationName, Row } from './change.ts'
import type { ErrorCode } from './errors.ts'
import type { Position } from './position.ts'
import {
  isObject,
  kindOf,
  listOf,
  number,
  objectOf,
  boolean,
  oneOf,
  optional,
  orNull,
  pairOf,
  shape,
  text,
  told,
  type Shape,
} from './shape.ts'
import type {
  AckRequest,
  AttachRequest,
  AuthenticateRequest,
  SubscribeRequest,
  UnsubscribeRequest,
} from './requests.ts'
import type { Subscription, SubscriptionId } from './subscription.ts'

/** Raised with every change that an older other side would misread. */
export const protocolVersion = 2

/** Where the gateway listens, unless told otherwise. */
export const defaultPath = '/rowcast'

// ---- client to server: each is acknowledged with a Reply ----

// Their schemas are in requests.ts, which no page has to load.

export type Reply<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string }

/** What the server made of a subscription. */
export interface Subscribed {
  readonly id: SubscriptionId
  readonly relation: RelationName
  /** The canonical key, for a row or a field. */
  readonly key?: KeyText
}

/** For how long the client is given anything, unless it renews what it has signed in with; if left out, for ever. */
export interface Lasting {
  readonly expiresInMs?: number
}

export interface Attached extends Lasting {
  readonly session: { readonly id: string; readonly token: string }
  /** True when the session of the request was found again. */
  readonly resumed: boolean
  /** One for each subscription of the request, in its order. */
  readonly subscriptions: readonly Reply<Subscribed>[]
  /** What the session follows besides, if the request has `restore`. */
  readonly restored: readonly { readonly subscription: Subscription; readonly subscribed: Subscribed }[]
}

// ---- server to client ----
//
// Messages of one connection arrive in order. After `attach`, everything up to the first `progress`
// belongs together: the client shows it at once, in one commit, so that all that a session follows
// stands at one position. So does everything between `catch_up` and `progress`.

/** The field_updates of one row in one statement travel together: `fields` holds each column's new value. */
export type WireChange = {
  relation: RelationName
  key: KeyText
  /** Indexes into the `subscriptions` of the batch: whom the change concerns. */
  for: number[]
} & ({ op: 'row_insert'; row: Row } | { op: 'row_delete' } | { op: 'field_update'; fields: Row })

const row = shape<Row>(isObject, 'an object')
const change = { relation: text, key: text, for: listOf(number) }
const changeShape = kindOf<WireChange>('op', {
  row_insert: objectOf({ ...change, op: told, row }),
  row_delete: objectOf({ ...change, op: told }),
  field_update: objectOf({ ...change, op: told, fields: row }),
})

/** Everything of interest that committed up to `to`, transaction by transaction. Applied in one commit of the store. */
export interface Batch {
  to: Position
  /** Numbers the messages of a batch that comes in several, from 0. Only while catching up. */
  part?: number
  subscriptions: SubscriptionId[]
  transactions: {
    /** The transaction id (`xid8`) as text. */
    id: string
    /** When it began, ISO 8601. */
    at: string
    changes: WireChange[]
  }[]
  /**
   * New places in ordered subscriptions, to be applied after the changes: take out every key that is
   * named in `moves`, then put each in, in the order given, right after its predecessor (null: at the front).
   */
  orders?: { for: number; moves: [key: KeyText, predecessor: KeyText | null][] }[]
}
export const batchShape = objectOf<Batch>({
  to: text,
  part: optional(number),
  subscriptions: listOf(text),
  transactions: listOf(objectOf({ id: text, at: text, changes: listOf(changeShape) })),
  orders: optional(listOf(objectOf({ for: number, moves: listOf(pairOf(text, orNull(text))) }))),
})

/**
 * The rows of one subscription as they stood at `to`, in its order, in one or more messages; the last
 * has `done`. Replaces whatever the client held for it. A column's or field's rows carry that column only.
 */
export interface Snapshot {
  subscription: SubscriptionId
  to: Position
  /** Stands for a relation and its columns: rows of another shape cannot be continued from. Opaque to clients. */
  shape: string
  rows: [KeyText, Row][]
  done: boolean
}
export const snapshotShape = objectOf<Snapshot>({
  subscription: text,
  to: text,
  shape: text,
  rows: listOf(pairOf(text, row)),
  done: boolean,
})

/** Nothing up to `to` is still to come. */
export interface Progress {
  to: Position
}
export const progressShape = objectOf<Progress>({ to: text })

/**
 * The connection has fallen behind: it was too slow, or there was too much at once. What follows, up to the next
 * `progress`, belongs together; of what came since the last `progress`, nothing is to be shown any more if it
 * had not been shown yet.
 */
export type CatchUp = Record<never, never>
export const catchUpShape = objectOf<CatchUp>({})

/** The server is about to end. The client connects again, elsewhere, at a moment of its own choice within this time. */
export interface Leave {
  withinMs: number
}
export const leaveShape = objectOf<Leave>({ withinMs: number })

/** What the client had signed in with is good no longer: the server ends the connection. */
export type Expired = Record<never, never>
export const expiredShape = objectOf<Expired>({})

export type ResetReason = 'epoch_changed' | 'position_expired'

/** The client's position cannot be continued from: a fresh snapshot of every subscription follows. */
export interface Reset {
  reason: ResetReason
}
export const resetShape = objectOf<Reset>({ reason: oneOf('epoch_changed', 'position_expired') })

/** A subscription has ended by the server's doing, e.g. because its table was dropped or its right taken away. */
export interface Ended {
  readonly subscription: SubscriptionId
  readonly code: ErrorCode
  readonly message: string
}
export const endedShape = objectOf<Ended>({
  subscription: text,
  code: text as Shape<ErrorCode>, // a newer server may know others
  message: text,
})

export interface ServerToClientEvents {
  batch: (batch: Batch) => void
  snapshot: (snapshot: Snapshot) => void
  progress: (progress: Progress) => void
  catch_up: (catchUp: CatchUp) => void
  leave: (leave: Leave) => void
  expired: (expired: Expired) => void
  reset: (reset: Reset) => void
  ended: (ended: Ended) => void
}

export interface ClientToServerEvents {
  attach: (request: AttachRequest, reply: (result: Reply<Attached>) => void) => void
  subscribe: (request: SubscribeRequest, reply: (result: Reply<Subscribed>) => void) => void
  unsubscribe: (request: UnsubscribeRequest, reply: (result: Reply<null>) => void) => void
  ack: (request: AckRequest, reply: (result: Reply<null>) => void) => void
  authenticate: (request: AuthenticateRequest, reply: (result: Reply<Lasting>) => void) => void
}

/** @public A position as it appears in messages. */
export type { Position }

export type { AckRequest, AttachRequest, AuthenticateRequest, SubscribeRequest, UnsubscribeRequest }
