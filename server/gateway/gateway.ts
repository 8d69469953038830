import type { Logger } from 'pino'
import { RowcastError } from '../../shared/errors.ts'
import { parsePosition } from '../../shared/position.ts'
import {
  ackSchema,
  attachSchema,
  protocolVersion,
  subscribeSchema,
  unsubscribeSchema,
  type AckRequest,
  type Attached,
  type AttachRequest,
  type Reply,
  type SubscribeRequest,
  type Subscribed,
  type UnsubscribeRequest,
} from '../../shared/protocol.ts'
import { shapeOf, type Definition } from '../routing/definition.ts'
import type { Definitions } from '../routing/definitions.ts'
import type { SessionStore } from '../session/session-store.ts'
import { isOutage } from '../db/failures.ts'
import { Connection, LiveSession, type GatewayServer, type GatewaySocket } from './connection.ts'
import { internal, mapLimited, parse, replyTo } from './answer.ts'
import { identify, type Authenticate } from './authenticate.ts'
import type { Following } from './following.ts'
import { missingSince, type Missing } from './missing.ts'
import type { Welcome } from './welcome.ts'

export interface GatewayParts {
  readonly io: GatewayServer
  readonly definitions: Definitions
  readonly sessions: SessionStore
  readonly following: Following
  readonly welcome: Welcome
  readonly authenticate: Authenticate
  readonly logger: Logger
  /** What may wait for one connection. */
  readonly maxBufferedBytes: number
  /** Of the database as it is now. */
  epoch(): string
}

/** Answers clients: who they are, what they follow, how far they have come. */
export class Gateway {
  readonly #parts: GatewayParts
  readonly #sessions = new Map<string, LiveSession>()
  readonly #connections = new Map<GatewaySocket, Connection>()

  constructor(parts: GatewayParts) {
    this.#parts = parts
    parts.io.use(identify(parts.authenticate, parts.logger))
    parts.io.on('connection', (socket) => this.#serve(socket))
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Every client starts anew: what it has seen may never have happened. */
  restartAll(): void {
    // It comes back with its position of before, and is answered as any other with a position that means nothing.
    for (const socket of this.#connections.keys()) socket.disconnect(true)
  }

  /** A session is no more: who comes back with it is told so. */
  endSession(id: string): void {
    for (const { socket } of this.#sessions.get(id)?.connections ?? []) socket.disconnect(true)
  }

  #serve(socket: GatewaySocket): void {
    const answer = <T>(reply: unknown, work: () => Promise<T>) => this.#answer(socket, reply, work)
    socket.on('attach', (request, reply) =>
      answer(reply, () => this.#attach(socket, parse(attachSchema, request))),
    )
    socket.on('subscribe', (request, reply) =>
      answer(reply, () => this.#subscribe(socket, parse(subscribeSchema, request))),
    )
    socket.on('unsubscribe', (request, reply) =>
      answer(reply, () => this.#unsubscribe(socket, parse(unsubscribeSchema, request))),
    )
    socket.on('ack', (request, reply) =>
      answer(reply, () => this.#acknowledge(socket, parse(ackSchema, request))),
    )
    socket.on('disconnect', () => this.#detach(socket))
  }

  /** Answers a request exactly once, if the client wants an answer. Of a failure of ours, only the code crosses the wire. */
  async #answer<T>(socket: GatewaySocket, reply: unknown, work: () => Promise<T>): Promise<void> {
    let result: Reply<T>
    try {
      result = await replyTo(work)
    } catch (error) {
      this.#parts.logger.error({ err: error }, 'could not answer a request')
      // Without the database there is no answer yet: the client comes back and asks again.
      if (isOutage(error)) return void socket.disconnect(true)
      result = internal
    }
    if (typeof reply === 'function') reply(result) // a client may send anything, or nothing
  }

  async #attach(socket: GatewaySocket, request: AttachRequest): Promise<Attached> {
    if (request.protocol !== protocolVersion)
      throw new RowcastError(
        'unsupported_protocol',
        `the client speaks protocol ${request.protocol}, this server ${protocolVersion}: reload the page`,
      )
    if (this.#connections.has(socket))
      throw new RowcastError('invalid_message', 'this connection is attached already')
    const { sessions, definitions, welcome } = this.#parts
    const { identity } = socket.data
    const wantsStored = request.restore === true || request.subscriptions.some(({ inbox }) => inbox)
    const opened =
      request.session && (await sessions.open(request.session, identity, { withSubscriptions: wantsStored }))
    const define = async (asked: Asked) => ({
      ...asked,
      reply: await this.#replyFor(() => definitions.define(asked.subscription, identity)),
    })
    const answers = await mapLimited(request.subscriptions, definesAtOnce, define)
    const known = new Set(answers.map(({ reply }) => (reply.ok ? reply.value.id : '')))
    const others = request.restore && opened ? opened.subscriptions.filter(({ id }) => !known.has(id)) : []
    const restored = await mapLimited(others, definesAtOnce, define)
    const defined = [...answers, ...restored].flatMap(({ subscription, held, inbox, reply }) =>
      reply.ok ? [{ subscription, held, inbox, definition: reply.value }] : [],
    )
    const followed = defined.map(({ definition }) => definition)
    const key = request.session ?? (await sessions.create(identity))
    await sessions.attach(key.id, followed)
    let missing: Missing
    try {
      if (!socket.connected) throw new RowcastError('disconnected', 'the client has gone')
      if (this.#connections.has(socket))
        throw new RowcastError('invalid_message', 'this connection is attached already')
      // Nothing is awaited from here on: should the epoch change now, this connection is among those that start anew.
      missing = missingSince(request.position, opened, defined, this.#parts.epoch())
    } catch (error) {
      sessions.detach(key.id)
      throw error
    }
    const session = this.#sessions.get(key.id) ?? new LiveSession(key.id)
    this.#sessions.set(key.id, session)
    const connection = new Connection(socket, session, missing, this.#parts.maxBufferedBytes)
    this.#connections.set(socket, connection)
    for (const { subscription, held, definition } of defined) {
      const { id } = definition
      connection.wanted.set(id, subscription)
      const isHeld = held === shapeOf(definition) && (connection.pending.get(id)?.isHeld ?? true)
      connection.pending.set(id, { definition, isHeld, isShown: held !== undefined })
    }
    // After the reply: this turn of the event loop sends it first.
    setImmediate(() => welcome.await(connection))
    return {
      session: key,
      resumed: opened !== undefined,
      subscriptions: answers.map(({ reply }) =>
        reply.ok ? { ok: true, value: describe(reply.value) } : reply,
      ),
      restored: restored.flatMap(({ subscription, reply }) =>
        reply.ok ? [{ subscription, subscribed: describe(reply.value) }] : [],
      ),
    }
  }

  /** One subscription that fails, for whatever reason, does not take the others along; without the database all wait. */
  async #replyFor<T>(work: () => Promise<T>): Promise<Reply<T>> {
    try {
      return await replyTo(work)
    } catch (error) {
      if (isOutage(error)) throw error
      this.#parts.logger.error({ err: error }, 'could not define a subscription')
      return internal
    }
  }

  async #subscribe(socket: GatewaySocket, { subscription }: SubscribeRequest): Promise<Subscribed> {
    const connection = this.#attached(socket)
    const { sessions, definitions, welcome } = this.#parts
    const definition = await definitions.define(subscription, connection.identity)
    const { session } = connection
    const isNew = !connection.wanted.has(definition.id)
    connection.wanted.set(definition.id, subscription)
    await session
      .write(() => sessions.addSubscriptions(session.id, [definition]))
      .catch((error: unknown) => {
        if (isNew) connection.wanted.delete(definition.id)
        throw error
      })
    if (connection.wanted.has(definition.id))
      connection.pending.set(definition.id, { definition, isHeld: false, isShown: false })
    setImmediate(() => welcome.await(connection))
    return describe(definition)
  }

  async #unsubscribe(socket: GatewaySocket, { id }: UnsubscribeRequest): Promise<null> {
    const connection = this.#attached(socket)
    if (!connection.wanted.delete(id))
      throw new RowcastError('subscription_not_found', `this session has no subscription ${id}`)
    const { following, sessions } = this.#parts
    connection.pending.delete(id)
    following.unfollow(connection, id)
    const { session } = connection
    await session.write(async () => {
      const isWanted = [...session.connections].some((other) => other.wanted.has(id))
      if (!isWanted) await sessions.deleteSubscription(session.id, id)
    })
    return null
  }

  async #acknowledge(socket: GatewaySocket, { position }: AckRequest): Promise<null> {
    const { session } = this.#attached(socket)
    try {
      await this.#parts.sessions.acknowledge(session.id, parsePosition(position))
    } catch (cause) {
      // No reason to part: a client acknowledges all the time, and its next one says this as well.
      if (isOutage(cause)) throw new RowcastError('internal', 'the position could not be noted', { cause })
      throw cause
    }
    return null
  }

  #detach(socket: GatewaySocket): void {
    const connection = this.#connections.get(socket)
    if (!connection) return
    this.#connections.delete(socket)
    this.#parts.following.leave(connection)
    this.#parts.sessions.detach(connection.session.id)
    if (connection.session.connections.size === 0) this.#sessions.delete(connection.session.id)
  }

  #attached(socket: GatewaySocket): Connection {
    const connection = this.#connections.get(socket)
    if (!connection) throw new RowcastError('invalid_message', 'attach first')
    return connection
  }
}

/** Of one client: the connections that answer are everybody's. */
const definesAtOnce = 4

/** A subscription as a client asks for it when it attaches. */
type Asked = Pick<AttachRequest['subscriptions'][number], 'subscription'> &
  Partial<AttachRequest['subscriptions'][number]>

function describe(definition: Definition): Subscribed {
  const { id, relation } = definition
  return { id, relation: relation.name, ...('key' in definition && { key: definition.key }) }
}
