import type { Socket as EngineSocket } from 'engine.io'
import type { Logger } from 'pino'
import { RowcastError } from '../../shared/errors.ts'
import { parsePosition } from '../../shared/position.ts'
import {
  protocolVersion,
  type AckRequest,
  type Attached,
  type AttachRequest,
  type AuthenticateRequest,
  type Lasting,
  type Reply,
  type SubscribeRequest,
  type Subscribed,
  type UnsubscribeRequest,
} from '../../shared/protocol.ts'
import {
  ackSchema,
  attachSchema,
  authenticateSchema,
  subscribeSchema,
  unsubscribeSchema,
} from '../../shared/requests.ts'
import type { Subscription, SubscriptionId } from '../../shared/subscription.ts'
import { shapeOf, type Definition } from '../routing/definition.ts'
import type { Definitions } from '../routing/definitions.ts'
import { isSameUser, type Identity } from '../session/identity.ts'
import { Grouped } from '../session/grouped.ts'
import type { OpenSession, SessionStore } from '../session/session-store.ts'
import { Turns } from '../breather.ts'
import { isOutage } from '../db/failures.ts'
import type { Metrics } from '../metrics.ts'
import { waitableMs } from '../waitable-ms.ts'
import { Connection, LiveSession, type GatewayServer, type GatewaySocket } from './connection.ts'
import { Allowance, Granting } from './allowance.ts'
import { internal, mapLimited, parse, replyTo } from './answer.ts'
import { identify, identityOf, type Authenticate, type ConnectError } from './authenticate.ts'
import { EncodedJson } from './encoded-json.ts'
import { Expiry } from './expiry.ts'
import type { AccessWatch } from './access-watch.ts'
import type { Following } from './following.ts'
import { checkFilter, type Limits } from './limits.ts'
import { goingOnFrom, missingSince, type Missing } from './missing.ts'
import { Requests, type Handler } from './requests.ts'
import { Usages, type Usage } from './usage.ts'
import type { Welcome } from './welcome.ts'

export interface GatewayParts {
  readonly io: GatewayServer
  readonly definitions: Definitions
  readonly sessions: SessionStore
  readonly following: Following
  readonly welcome: Welcome
  readonly access: AccessWatch
  readonly authenticate: Authenticate
  readonly logger: Logger
  readonly metrics: Metrics
  readonly limits: Limits
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
  readonly #noting = new WeakMap<LiveSession, Grouped<Definition, void>>()
  readonly #usages: Usages
  readonly #granting = new Granting()
  readonly #turns = new Turns()
  readonly #explained = new Set<string>()
  readonly #expiry = new Expiry<GatewaySocket>((socket) => {
    socket.emit('expired', new EncodedJson('{}'))
    socket.disconnect(true)
  })

  constructor(parts: GatewayParts) {
    this.#parts = parts
    this.#usages = new Usages(parts.limits)
    parts.io.use(this.#counted(identify(parts.authenticate, parts.logger)))
    parts.io.use(this.#counted((socket, next) => next(this.#usages.enter(socket))))
    parts.io.on('connection', (socket) => this.#serve(socket))
    const { metrics } = parts
    metrics.watch('rowcast_connections', 'Attached connections', () => this.connectionCount)
    metrics.watch('rowcast_sessions', 'Sessions with attached connections', () => this.sessionCount)
    metrics.watch('rowcast_subscriptions', 'Subscriptions of attached connections', () =>
      this.#sum(({ wanted }) => wanted.size),
    )
    metrics.watch(
      'rowcast_buffered_characters',
      'What waits to be taken off by clients, of all connections together',
      () => this.#sum(({ bufferedCharacters }) => bufferedCharacters),
    )
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  #sum(figureOf: (connection: Connection) => number): number {
    let sum = 0
    for (const connection of this.#connections.values()) sum += figureOf(connection)
    return sum
  }

  /** Every client starts anew: what it has seen may never have happened. */
  restartAll(): void {
    // It comes back with its position of before, and is answered as any other with a position that means nothing.
    for (const socket of this.#connections.keys()) socket.disconnect(true)
  }

  /** Ends the connections whose time is over. A timer does so too, but perhaps a moment late. */
  expire(): void {
    this.#expiry.endDue()
  }

  /** A session is no more: who comes back with it is told so. */
  endSession(id: string): void {
    for (const { socket } of this.#sessions.get(id)?.connections ?? []) socket.disconnect(true)
  }

  #counted(middleware: Middleware): Middleware {
    return (socket, next) =>
      middleware(socket, (error) => {
        if (error) this.#parts.metrics.connectionRefused(error.data.code)
        next(error)
      })
  }

  #serve(socket: GatewaySocket): void {
    const { limits, metrics, logger } = this.#parts
    const usage = this.#usages.of(socket.conn)
    if (!usage) throw new Error(`socket ${socket.id} is served and was not let in`)
    const handlers = this.#handlersOf(socket, usage)
    const requests = new Requests(socket, { handlers, usage, turns: this.#turns, limits, metrics, logger })
    // Also what nobody listens for is answered, and counted.
    socket.onAny((event: unknown, ...args: unknown[]) => void requests.receive(event, args))
    let stopWaiting: () => void
    const wait = () => {
      stopWaiting = after(limits.attachWithinMs, () => {
        if (this.#connections.has(socket)) return
        if (!requests.isIdle) return wait() // what it asks may yet attach it, or be refused
        metrics.connectionEnded('not_attached')
        socket.disconnect(true)
      })
    }
    wait()
    socket.on('disconnect', () => {
      stopWaiting()
      this.#detach(socket)
    })
    this.#expiry.set(socket, socket.data.identity.expiresAt)
  }

  #handlersOf(socket: GatewaySocket, usage: Usage): ReadonlyMap<unknown, Handler> {
    return new Map<unknown, Handler>([
      [
        'attach',
        {
          costOf: (request) => 1 + lengthOf((request as Partial<AttachRequest> | null)?.subscriptions),
          answer: (request) => this.#attach(socket, usage, parse(attachSchema, request)),
        },
      ],
      ['subscribe', { answer: (request) => this.#subscribe(socket, usage, parse(subscribeSchema, request)) }],
      [
        'unsubscribe',
        {
          costOf: () => 0, // lightens the load, and who would be refused could not come back to it
          answer: (request) => this.#unsubscribe(socket, parse(unsubscribeSchema, request)),
        },
      ],
      ['ack', { answer: (request) => this.#acknowledge(socket, parse(ackSchema, request)) }],
      [
        'authenticate',
        { answer: async (request) => this.#authenticate(socket, parse(authenticateSchema, request)) },
      ],
    ])
  }

  async #attach(socket: GatewaySocket, usage: Usage, request: AttachRequest): Promise<Attached> {
    if (request.protocol !== protocolVersion)
      throw new RowcastError(
        'unsupported_protocol',
        `the client speaks protocol ${request.protocol}, this server ${protocolVersion}: reload the page`,
      )
    if (this.#connections.has(socket))
      throw new RowcastError('invalid_message', 'this connection is attached already')
    const { sessions, welcome } = this.#parts
    const { identity } = socket.data
    const wantsStored = request.restore === true || request.subscriptions.some(({ inbox }) => inbox)
    const opened =
      request.session && (await sessions.open(request.session, identity, { withSubscriptions: wantsStored }))
    const sessionId = request.session?.id
    const allowance = this.#allowanceOf(usage, sessionId)
    const sharers = sessionId === undefined ? [usage] : [usage, sessionId]
    const endGrant = this.#granting.begin(socket, allowance, sharers)
    try {
      const { answers, restored } = await this.#defineAll(request, opened, identity, allowance)
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
      const { maxBufferedBytes, metrics } = this.#parts
      const connection = new Connection(socket, session, missing, maxBufferedBytes, (event, { bytes }) =>
        metrics.sent(event, 1, bytes),
      )
      this.#connections.set(socket, connection)
      const mayGoOn = goingOnFrom(missing)
      for (const { subscription, held, definition } of defined) {
        const { id } = definition
        connection.wanted.set(id, subscription)
        const isHeld =
          held === shapeOf(definition) && mayGoOn(definition) && (connection.pending.get(id)?.isHeld ?? true)
        connection.pending.set(id, { definition, isHeld, isShown: held !== undefined })
      }
      // After the reply: this turn of the event loop sends it first.
      setImmediate(() => welcome.await(connection))
      return {
        session: key,
        resumed: opened !== undefined,
        ...lastingOf(identity),
        subscriptions: answers.map(({ reply }) =>
          reply.ok ? { ok: true, value: describe(reply.value) } : reply,
        ),
        restored: restored.flatMap(({ subscription, reply }) =>
          reply.ok ? [{ subscription, subscribed: describe(reply.value) }] : [],
        ),
      }
    } finally {
      endGrant() // in the turn of the event loop in which the connection has begun to count
    }
  }

  /** What a client that attaches asks for, and what else its session follows if that is to be restored. */
  async #defineAll(
    { subscriptions, restore }: AttachRequest,
    opened: OpenSession | undefined,
    identity: Identity,
    allowance: Allowance,
  ): Promise<{ readonly answers: readonly Defined[]; readonly restored: readonly Defined[] }> {
    const define = async (asked: Asked): Promise<Defined> => ({
      ...asked,
      reply: await this.#replyFor(async () => {
        const definition = await this.#define(asked.subscription, identity)
        allowance.take(definition)
        return definition
      }),
    })
    const answers = await mapLimited(subscriptions, definesAtOnce, define)
    const known = new Set(answers.map(({ reply }) => (reply.ok ? reply.value.id : '')))
    const others = restore && opened ? opened.subscriptions.filter(({ id }) => !known.has(id)) : []
    const restored = await mapLimited(others, definesAtOnce, define)
    return { answers, restored }
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

  async #subscribe(
    socket: GatewaySocket,
    usage: Usage,
    { subscription }: SubscribeRequest,
  ): Promise<Subscribed> {
    const connection = this.#attached(socket)
    const { welcome } = this.#parts
    const { session } = connection
    let { identity } = connection
    let definition = await this.#define(subscription, identity)
    const isNew = !connection.wanted.has(definition.id)
    if (isNew) this.#allowanceOf(usage, session.id).take(definition)
    const { id } = definition
    connection.wanted.set(id, subscription)
    connection.asked.set(id, definition)
    try {
      await this.#note(session, definition)
      while (connection.identity !== identity) {
        // It has got other claims meanwhile, which may see something else of it.
        identity = connection.identity
        definition = await this.#define(subscription, identity)
      }
    } catch (error) {
      if (isNew) connection.wanted.delete(definition.id)
      throw error
    } finally {
      connection.asked.delete(id)
    }
    if (connection.wanted.has(definition.id))
      connection.pending.set(definition.id, { definition, isHeld: false, isShown: false })
    setImmediate(() => welcome.await(connection))
    return describe(definition)
  }

  /** Writes down that a session follows something. A page that asks for much at once waits for a few writes, not for all. */
  #note(session: LiveSession, definition: Definition): Promise<void> {
    const noting =
      this.#noting.get(session) ??
      new Grouped<Definition, void>(async (definitions) => {
        await session.write(() => {
          const wanted = new Map(definitions.map((each) => [each.id, each]))
          for (const id of wanted.keys()) if (!isWantedIn(session, id)) wanted.delete(id)
          return this.#parts.sessions.addSubscriptions(session.id, [...wanted.values()])
        })
        return []
      })
    this.#noting.set(session, noting)
    return noting.ask(definition)
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
      if (!isWantedIn(session, id)) await sessions.deleteSubscription(session.id, id)
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

  /** The same user goes on with what it has just got: a token that lasts longer, or claims that allow more or less. */
  #authenticate(socket: GatewaySocket, { auth }: AuthenticateRequest): Promise<Lasting> {
    const connection = this.#attached(socket)
    return connection.inTurn(() => this.#renew(connection, auth))
  }

  async #renew(connection: Connection, auth: AuthenticateRequest['auth']): Promise<Lasting> {
    const { socket } = connection
    const { authenticate, logger, access } = this.#parts
    const identity = await identityOf(socket, authenticate, logger, auth)
    if (!socket.connected) throw new RowcastError('disconnected', 'the client has gone')
    if (!isSameUser(identity, connection.identity))
      throw new RowcastError(
        'identity_changed',
        'this connection belongs to another user: close this client and make another one',
      )
    await access.identify(connection, identity)
    if (socket.connected) this.#expiry.set(socket, identity.expiresAt)
    return lastingOf(identity)
  }

  #detach(socket: GatewaySocket): void {
    this.#expiry.delete(socket)
    const connection = this.#connections.get(socket)
    if (!connection) return
    this.#connections.delete(socket)
    this.#parts.following.leave(connection)
    this.#parts.sessions.detach(connection.session.id)
    if (connection.session.connections.size === 0) this.#sessions.delete(connection.session.id)
  }

  async #define(subscription: Subscription, identity: Identity): Promise<Definition> {
    checkFilter(subscription, this.#parts.limits)
    try {
      return await this.#parts.definitions.define(subscription, identity)
    } catch (error) {
      if (!(error instanceof RowcastError)) throw error
      if (error.cause instanceof RowcastError) this.#explain(error.cause)
      else if (error.cause) this.#parts.logger.info({ err: error.cause }, 'PostgreSQL refuses a subscription')
      throw error
    }
  }

  /** Says here, once, what to grant: a client is not told that there is anything. */
  #explain(reason: RowcastError): void {
    if (this.#explained.has(reason.message)) return
    this.#explained.add(reason.message) // names of roles, and of what there is: they are not without number
    this.#parts.logger.warn({ err: reason }, 'a client was told that there is no such thing')
  }

  /** What the identity has that has come in over a connection of Engine.IO. */
  usageOf(connection: EngineSocket): Usage | undefined {
    return this.#usages.of(connection)
  }

  /** What a connection may yet follow. */
  allowanceOf(connection: Connection): Allowance {
    const usage = this.usageOf(connection.socket.conn)
    return this.#allowanceOf(usage ?? { sockets: new Set() }, connection.session.id)
  }

  #allowanceOf(usage: Pick<Usage, 'sockets'>, sessionId = ''): Allowance {
    return new Allowance(
      this.#parts.limits,
      () => ({
        connections: [...(this.#sessions.get(sessionId)?.connections ?? [])],
        allowances: this.#granting.of(sessionId),
      }),
      () => ({
        connections: [...usage.sockets].flatMap((socket) => this.#connections.get(socket) ?? []),
        allowances: this.#granting.of(usage),
      }),
    )
  }

  #attached(socket: GatewaySocket): Connection {
    const connection = this.#connections.get(socket)
    if (!connection) throw new RowcastError('invalid_message', 'attach first')
    return connection
  }
}

function lastingOf({ expiresAt }: Identity): Lasting {
  return expiresAt === undefined ? {} : { expiresInMs: Math.max(0, expiresAt - Date.now()) }
}

/** Of one client: the connections that answer are everybody's. */
const definesAtOnce = 4

type Middleware = (socket: GatewaySocket, next: (error?: ConnectError) => void) => void

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0
}

/** @returns gives it up */
function after(ms: number, work: () => void): () => void {
  if (ms === Infinity) return () => undefined
  const timer = setTimeout(work, waitableMs(ms))
  return () => clearTimeout(timer)
}

/** A subscription as a client asks for it when it attaches. */
type Asked = Pick<AttachRequest['subscriptions'][number], 'subscription'> &
  Partial<AttachRequest['subscriptions'][number]>

type Defined = Asked & { readonly reply: Reply<Definition> }

function isWantedIn({ connections }: LiveSession, id: SubscriptionId): boolean {
  return [...connections].some(({ wanted }) => wanted.has(id))
}

function describe(definition: Definition): Subscribed {
  const { id, relation } = definition
  return { id, relation: relation.name, ...('key' in definition && { key: definition.key }) }
}
