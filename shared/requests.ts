import * as v from 'valibot'
import { subscriptionShape, type Subscription } from './subscription.ts'

// What clients send, as it must be: the server looks at it, and clients know only its types.

const position = v.pipe(v.string(), v.maxLength(100_000))
const subscription = v.custom<Subscription>(
  (input) => subscriptionShape(input) === undefined,
  ({ input }) => `subscription${subscriptionShape(input)}`,
)

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
        subscription,
        /** The client holds its rows, as they were at `position`, in this shape. */
        held: v.exactOptional(v.pipe(v.string(), v.maxLength(100))),
        /** The session's inbox is wanted: also the changes since the position that it has acknowledged. */
        inbox: v.exactOptional(v.boolean()),
      }),
    ),
  ),
  /** Whatever else the session follows, from wherever it was used before, is followed as well. */
  restore: v.exactOptional(v.boolean()),
})
export type AttachRequest = v.InferOutput<typeof attachSchema>

export const subscribeSchema = v.strictObject({ subscription })
export type SubscribeRequest = v.InferOutput<typeof subscribeSchema>

export const unsubscribeSchema = v.strictObject({ id: v.pipe(v.string(), v.maxLength(300)) })
export type UnsubscribeRequest = v.InferOutput<typeof unsubscribeSchema>

/** Renews what the client has signed in with: `auth` is what it would connect with now. */
export const authenticateSchema = v.strictObject({ auth: v.record(v.string(), v.unknown()) })
export type AuthenticateRequest = v.InferOutput<typeof authenticateSchema>

export const ackSchema = v.strictObject({ position })
export type AckRequest = v.InferOutput<typeof ackSchema>
