import type { ErrorCode } from '../../shared/errors.ts'
import {
  batchShape,
  catchUpShape,
  endedShape,
  expiredShape,
  leaveShape,
  progressShape,
  resetShape,
  snapshotShape,
  type Attached,
  type Batch,
  type CatchUp,
  type Ended,
  type Expired,
  type Lasting,
  type Leave,
  type Progress,
  type Reply,
  type Reset,
  type ServerToClientEvents,
  type Snapshot,
  type Subscribed,
} from '../../shared/protocol.ts'
import {
  boolean,
  listOf,
  number,
  objectOf,
  oneOf,
  optional,
  parseAs,
  text,
  isObject,
  type Shape,
} from '../../shared/shape.ts'
import { subscriptionShape } from '../../shared/subscription.ts'

export type MessageName = keyof ServerToClientEvents

/** What the server sends of its own accord. */
export type Message =
  | ({ readonly name: 'batch' } & Batch)
  | ({ readonly name: 'snapshot' } & Snapshot)
  | ({ readonly name: 'progress' } & Progress)
  | ({ readonly name: 'catch_up' } & CatchUp)
  | ({ readonly name: 'leave' } & Leave)
  | ({ readonly name: 'expired' } & Expired)
  | ({ readonly name: 'reset' } & Reset)
  | ({ readonly name: 'ended' } & Ended)

const shapes = {
  batch: batchShape,
  snapshot: snapshotShape,
  progress: progressShape,
  catch_up: catchUpShape,
  leave: leaveShape,
  expired: expiredShape,
  reset: resetShape,
  ended: endedShape,
} as const satisfies Record<MessageName, Shape<unknown>>

export const messageNames = Object.keys(shapes) as MessageName[]

/** @throws {RowcastError} `invalid_message` when it is not what its name says. */
export function parseMessage(name: MessageName, input: unknown): Message {
  return { ...parseAs<object>(shapes[name], input, name), name } as Message
}

const refusal = objectOf({ ok: oneOf(false), code: text as Shape<ErrorCode>, message: text })
const subscribed = objectOf<Subscribed>({ id: text, relation: text, key: optional(text) })
const lasting = { expiresInMs: optional(number) }

function replyOf<T>(value: Shape<T>): Shape<Reply<T>> {
  const accepted = objectOf({ ok: oneOf(true), value })
  return (input) => (isObject(input) && input['ok'] === true ? accepted : refusal)(input)
}

const attachedReply = replyOf(
  objectOf<Attached>({
    ...lasting,
    session: objectOf({ id: text, token: text }),
    resumed: boolean,
    subscriptions: listOf(replyOf(subscribed)),
    restored: listOf(objectOf({ subscription: subscriptionShape, subscribed })),
  }),
)
const subscribedReply = replyOf(subscribed)
const lastingReply = replyOf(objectOf<Lasting>(lasting))

/** The answer to `attach`; an answer that makes no sense is a refusal. */
export function parseAttached(input: unknown): Reply<Attached> {
  return parseReply(attachedReply, input, 'attach')
}

/** The answer to `subscribe`; an answer that makes no sense is a refusal. */
export function parseSubscribed(input: unknown): Reply<Subscribed> {
  return parseReply(subscribedReply, input, 'subscribe')
}

/** The answer to `authenticate`; an answer that makes no sense is a refusal. */
export function parseLasting(input: unknown): Reply<Lasting> {
  return parseReply(lastingReply, input, 'authenticate')
}

function parseReply<T>(of: Shape<Reply<T>>, input: unknown, request: string): Reply<T> {
  const fault = of(input)
  if (fault === undefined) return input as Reply<T>
  return { ok: false, code: 'invalid_message', message: `the answer to ${request}${fault}` }
}
