import * as v from 'valibot'
import type { KeyText, RelationName, Row } from './change.ts'
import type { ErrorCode } from './errors.ts'
import type { Position } from './position.ts'
import { subscriptionSchema, type Subscription, type SubscriptionId } from './subscription.ts'

/** Raised with every change that an older other side would misread. */
export const protocolVersion = 2

/** Where the gateway listens, unless told otherwise. */
export const defaultPath = '/rowcast'

// ---- client to server: each is acknowledged with a Reply ----

const position = v.pipe(v.string(), v.maxLength(100_000))
/** Stands for a relation and its columns: rows of another shape cannot be continued from. Opaque to clients. */
const shape = v.pipe(v.string(), v.maxLength(100))

/** A session follows no more, since who comes back names all of it. */
export const maxSubscriptions = 10_000

/** Starts or resumes a session. `subscriptions` are all that the client follows. */
export const attachSchema = v.strictObject({
  protocol: v.number(),
  session: v.exactOptional(
    // Of whatever form: what is no id of ours is answered like one that is unknown.
    v.strictObject({
      id: v.pipe(v.string(), v.maxLength(200)),
      token: v.pipe(v.string(), v.maxLength(200)),
    }),
  ),
  /** The last position applied. What is `held` is continued from there if the server can. */
  position: v.exactOptional(position),
  subscriptions: v.pipe(
    v.array(v.unknown()),
    v.maxLength(maxSubscriptions),
    v.array(
      v.strictObject({
        subscription: subscriptionSchema,
        /** The client holds its rows, as they were at `position`, in this shape. */
        held: v.exactOptional(shape),
        /** The session's inbox is wanted: also the changes since the position that it has acknowledged. */
        inbox: v.exactOptional(v.boolean()),
      }),
    ),
  ),
  /** Whatever else the session follows, from wherever it was used before, is followed as well. */
  restore: v.exactOptional(v.boolean()),
})
export type AttachRequest = v.InferOutput<typeof attachSchema>

export const subscribeSchema = v.strictObject({ subscription: subscriptionSchema })
export type SubscribeRequest = v.InferOutput<typeof subscribeSchema>

export const unsubscribeSchema = v.strictObject({ id: v.pipe(v.string(), v.maxLength(300)) })
export type UnsubscribeRequest = v.InferOutput<typeof unsubscribeSchema>

/** Renews what the client has signed in with: `auth` is what it would connect with now. */
export const authenticateSchema = v.strictObject({ auth: v.record(v.string(), v.unknown()) })
export type AuthenticateRequest = v.InferOutput<typeof authenticateSchema>

export const ackSchema = v.strictObject({ position })
export type AckRequest = v.InferOutput<typeof ackSchema>

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

const key = v.string()
const isRow = (input: unknown): boolean =>
  typeof input === 'object' && input !== null && !Array.isArray(input)
const row = v.custom<Row>(isRow)
/** Looked at here, since they may be very many: a schema for each would take longer than all else that a page does with them. */
const rows = v.custom<readonly (readonly [KeyText, Row])[]>(
  (input) =>
    Array.isArray(input) &&
    input.every(
      (pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string' && isRow(pair[1]),
    ),
)
/** Indexes into the `subscriptions` of the batch: whom the change concerns. */
const recipients = v.array(v.number())

const changeSchema = v.variant('op', [
  v.object({ op: v.literal('row_insert'), relation: v.string(), key, row, for: recipients }),
  v.object({ op: v.literal('row_delete'), relation: v.string(), key, for: recipients }),
  /** The field_updates of one row in one statement travel together: `fields` holds each column's new value. */
  v.object({ op: v.literal('field_update'), relation: v.string(), key, fields: row, for: recipients }),
])
export type WireChange = v.InferOutput<typeof changeSchema>

/** Everything of interest that committed up to `to`, transaction by transaction. Applied in one commit of the store. */
export const batchSchema = v.object({
  to: v.string(),
  /** Numbers the messages of a batch that comes in several, from 0. Only while catching up. */
  part: v.exactOptional(v.number()),
  subscriptions: v.array(v.string()),
  transactions: v.array(
    v.object({
      /** The transaction id (`xid8`) as text. */
      id: v.string(),
      /** When it began, ISO 8601. */
      at: v.string(),
      changes: v.array(changeSchema),
    }),
  ),
  /**
   * New places in ordered subscriptions, to be applied after the changes: take out every key that is
   * named in `moves`, then put each in, in the order given, right after its predecessor (null: at the front).
   */
  orders: v.exactOptional(
    v.array(v.object({ for: v.number(), moves: v.array(v.tuple([key, v.nullable(key)])) })),
  ),
})
export type Batch = v.InferOutput<typeof batchSchema>

/**
 * The rows of one subscription as they stood at `to`, in its order, in one or more messages; the last
 * has `done`. Replaces whatever the client held for it. A column's or field's rows carry that column only.
 */
export const snapshotSchema = v.object({
  subscription: v.string(),
  to: v.string(),
  shape,
  rows,
  done: v.boolean(),
})
export type Snapshot = v.InferOutput<typeof snapshotSchema>

/** Nothing up to `to` is still to come. */
export const progressSchema = v.object({ to: v.string() })
export type Progress = v.InferOutput<typeof progressSchema>

/**
 * The connection has fallen behind: it was too slow, or there was too much at once. What follows, up to the next
 * `progress`, belongs together; of what came since the last `progress`, nothing is to be shown any more if it
 * had not been shown yet.
 */
export const catchUpSchema = v.object({})
export type CatchUp = v.InferOutput<typeof catchUpSchema>

/** The server is about to end. The client connects again, elsewhere, at a moment of its own choice within this time. */
export const leaveSchema = v.object({ withinMs: v.number() })
export type Leave = v.InferOutput<typeof leaveSchema>

/** What the client had signed in with is good no longer: the server ends the connection. */
export const expiredSchema = v.object({})
export type Expired = v.InferOutput<typeof expiredSchema>

export const resetReasons = ['epoch_changed', 'position_expired'] as const
export type ResetReason = (typeof resetReasons)[number]

/** The client's position cannot be continued from: a fresh snapshot of every subscription follows. */
export const resetSchema = v.object({ reason: v.picklist(resetReasons) })
export type Reset = v.InferOutput<typeof resetSchema>

/** A subscription has ended by the server's doing, e.g. because its table was dropped or its right taken away. */
export const endedSchema = v.object({ subscription: v.string(), code: v.string(), message: v.string() })
export type Ended = {
  readonly subscription: SubscriptionId
  readonly code: ErrorCode
  readonly message: string
}

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
