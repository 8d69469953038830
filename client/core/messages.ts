import * as v from 'valibot'
import { RowcastError } from '../../shared/errors.ts'
import {
  batchSchema,
  catchUpSchema,
  endedSchema,
  expiredSchema,
  leaveSchema,
  progressSchema,
  resetSchema,
  snapshotSchema,
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
import { subscriptionSchema } from '../../shared/subscription.ts'

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

const schemas = {
  batch: batchSchema,
  snapshot: snapshotSchema,
  progress: progressSchema,
  catch_up: catchUpSchema,
  leave: leaveSchema,
  expired: expiredSchema,
  reset: resetSchema,
  ended: endedSchema,
} as const satisfies Record<MessageName, v.GenericSchema>

export const messageNames = Object.keys(schemas) as MessageName[]

/** @throws {RowcastError} `invalid_message` when it is not what its name says. */
export function parseMessage(name: MessageName, input: unknown): Message {
  return { name, ...parse(schemas[name] as v.GenericSchema<object>, input, name) } as Message
}

const refusal = v.object({ ok: v.literal(false), code: v.string(), message: v.string() })

function replySchema<T>(value: v.GenericSchema<T>): v.GenericSchema<unknown, Reply<T>> {
  return v.variant('ok', [v.object({ ok: v.literal(true), value }), refusal]) as v.GenericSchema<
    unknown,
    Reply<T>
  >
}

const subscribed: v.GenericSchema<Subscribed> = v.object({
  id: v.string(),
  relation: v.string(),
  key: v.exactOptional(v.string()),
})
const lasting = { expiresInMs: v.exactOptional(v.number()) }
const attachedReply = replySchema<Attached>(
  v.object({
    ...lasting,
    session: v.object({ id: v.string(), token: v.string() }),
    resumed: v.boolean(),
    subscriptions: v.array(replySchema(subscribed)),
    restored: v.array(v.object({ subscription: subscriptionSchema, subscribed })),
  }) as v.GenericSchema<Attached>,
)
const subscribedReply = replySchema(subscribed)
const lastingReply = replySchema(v.object(lasting))

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

function parseReply<T>(
  schema: v.GenericSchema<unknown, Reply<T>>,
  input: unknown,
  request: string,
): Reply<T> {
  try {
    return parse(schema, input, `the answer to ${request}`)
  } catch (error) {
    return { ok: false, code: 'invalid_message', message: (error as Error).message }
  }
}

function parse<T>(schema: v.GenericSchema<unknown, T>, input: unknown, what: string): T {
  const result = v.safeParse(schema, input)
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue)
  throw new RowcastError('invalid_message', `${what}: ${path === null ? '' : `${path}: `}${issue.message}`, {
    cause: result.issues,
  })
}
