import { io, type Socket } from 'socket.io-client'
import { RowcastError, type ErrorCode } from '../../shared/errors.ts'
import type {
  Attached,
  ClientToServerEvents,
  Lasting,
  Reply,
  ServerToClientEvents,
} from '../../shared/protocol.ts'
import { FrameQueue } from './frame-queue.ts'
import { messageNames, parseAttached, parseLasting, parseMessage, parseSubscribed } from './messages.ts'
import { pageFrames, type Frames } from './page-frames.ts'
import { Renewal } from './renewal.ts'
import type { SessionStore } from './session-store.ts'
import type { Sync, SyncMessage } from './sync.ts'
import type { SessionKey, Wire } from './wire.ts'

type Credentials = Readonly<Record<string, unknown>>

/** Credentials for the server's `authenticate`; as a function it is asked for each connection anew, and before they expire. */
export type Auth = Credentials | (() => Credentials | Promise<Credentials>)

/**
 * Whether what is shown is live. `connecting` until everything has first arrived; `reconnecting` when
 * the connection was lost, while the last known data stays. `catching_up` when the connection is there but so much
 * has come, or comes so slowly, that what is shown has been out of date for a second. `unauthenticated` when the
 * server does not accept what `auth` gives (any longer: the code is `expired`); it goes on asking, and the last known data stays.
 * `error` says what stands in the way.
 */
export type ConnectionState =
  | { readonly status: 'connecting'; readonly error?: RowcastError }
  | { readonly status: 'live'; readonly error?: undefined }
  | { readonly status: 'catching_up'; readonly error?: undefined }
  | { readonly status: 'reconnecting'; readonly error?: RowcastError }
  | { readonly status: 'unauthenticated'; readonly error: RowcastError }
  | { readonly status: 'closed'; readonly error?: RowcastError }

export interface ConnectionParts {
  /** Where the server is; a page's own origin if left out. */
  readonly url: string | undefined
  readonly path: string
  readonly auth: Auth | undefined
  readonly transports: readonly ('websocket' | 'polling')[]
  readonly retryDelayMs: number
  readonly maxRetryDelayMs: number
  /** Default: 30 s. */
  readonly answerTimeoutMs?: number
  readonly session: SessionStore
  /** Makes sockets. Default: Socket.IO's own. */
  readonly io?: typeof io | undefined
  readonly sync: Sync
  /** Default: the page's. */
  readonly frames?: Frames
  readonly onState: (state: ConnectionState) => void
  readonly report: (error: RowcastError) => void
}

/** An answer that has not come by then will not come: the connection is made anew. */
const answerTimeoutMs = 30_000

const silent = { ok: false, code: 'disconnected', message: 'the server does not answer' } as const

/** So long a client that is closed waits for the server to have heard how far it has come. */
const lastWordMs = 1_000

/** A shorter lag is not worth telling: it would flicker. */
const tellCatchingUpMs = 1_000

/** Why a server lets nobody in as whom `auth` says. */
const signInCodes: readonly ErrorCode[] = ['unauthenticated', 'expired']

/** Whatever a server says, it is left before long. */
const longestLeaveMs = 300_000

type AppSocket = Socket<ServerToClientEvents, ClientToServerEvents>

/**
 * The way to the server: connects, attaches, and does both again whenever the connection is lost, more
 * slowly the longer it takes, and never all clients at once.
 */
export class Connection {
  readonly #parts: ConnectionParts
  #socket: AppSocket | undefined
  /** The socket's id while it is attached. */
  #attachedAs: string | undefined
  /** The session is known, or that there is none. */
  #hasStarted = false
  #session: SessionKey | undefined
  #retryTimer: ReturnType<typeof setTimeout> | undefined
  #leaveTimer: ReturnType<typeof setTimeout> | undefined
  #catchingUpTimer: ReturnType<typeof setTimeout> | undefined
  /** What the present socket has brought. */
  readonly #arrived: FrameQueue<SyncMessage>
  readonly #renewal: Renewal
  /** The last acknowledgement has arrived, or will not. */
  #acknowledged: Promise<unknown> = Promise.resolve()
  #failures = 0
  #wasLive = false

  constructor(parts: ConnectionParts) {
    this.#parts = parts
    this.#arrived = new FrameQueue(parts.frames ?? pageFrames, (messages) => parts.sync.receive(...messages))
    this.#renewal = new Renewal(() => void this.#renewInTime(), parts.retryDelayMs)
  }

  /** Begins to connect, unless it has. */
  connect(): void {
    if (this.#socket) return
    const socket = this.#createSocket()
    this.#socket = socket
    this.#parts.onState({ status: 'connecting' })
    void this.#start(socket)
  }

  async #start(socket: AppSocket): Promise<void> {
    const { session, report } = this.#parts
    const known = await session.load().catch((cause: unknown) => {
      report(new RowcastError('session_not_found', 'the session could not be loaded', { cause }))
      return undefined
    })
    if (this.#socket !== socket) return
    this.#session = known ?? undefined
    this.#hasStarted = true
    socket.connect()
  }

  /** Lets go of the server. What was known stays. */
  close(error?: RowcastError): void {
    clearTimeout(this.#retryTimer)
    const socket = this.#socket
    this.#socket = undefined
    this.#hasStarted = false
    this.#wasLive = false
    this.#detach()
    if (socket) void this.#hangUp(socket)
    this.#parts.onState({ status: 'closed', ...(error && { error }) })
  }

  /** Socket.IO's server drops what it has not handed on yet when the end comes in the same breath. */
  async #hangUp(socket: AppSocket): Promise<void> {
    await this.#acknowledged
    socket.disconnect()
  }

  /** Everything is up to date. */
  live(): void {
    clearTimeout(this.#catchingUpTimer)
    this.#failures = 0
    this.#wasLive = true
    this.#parts.onState({ status: 'live' })
  }

  /** What is shown is out of date, though the connection is there. */
  catchUp(): void {
    clearTimeout(this.#catchingUpTimer)
    this.#catchingUpTimer = setTimeout(() => this.#parts.onState({ status: 'catching_up' }), tellCatchingUpMs)
  }

  /** Looks for another server, since this one is not fit to be gone on with. */
  leave(error: RowcastError): void {
    this.#parts.report(error)
    if (this.#socket) this.#retry(this.#socket, error)
  }

  /**
   * Asks `auth` anew and tells the server; who is not connected tries to be, at once.
   *
   * @throws {RowcastError} why the server does not accept it: what was accepted before goes on
   */
  async renewAuth(): Promise<void> {
    const socket = this.#socket
    if (!socket || !this.#hasStarted) return
    if (this.#attachedAs === undefined) {
      // Whatever is under way has asked for them before.
      clearTimeout(this.#retryTimer)
      this.#detach()
      return void socket.disconnect().connect()
    }
    const attachedAs = this.#attachedAs
    const auth = await this.#credentials()
    if (this.#attachedAs !== attachedAs) return // whoever connects is asked for them anyway
    const timeoutMs = this.#parts.answerTimeoutMs ?? answerTimeoutMs
    const reply: Reply<Lasting> = await socket
      .timeout(timeoutMs)
      .emitWithAck('authenticate', { auth })
      .then(parseLasting, () => silent)
    if (this.#attachedAs !== attachedAs) return
    if (!reply.ok) throw new RowcastError(reply.code, reply.message)
    this.#expireIn(reply.value)
  }

  async #renewInTime(): Promise<void> {
    try {
      await this.renewAuth()
    } catch (error) {
      this.#parts.report(error as RowcastError) // it throws no other
      this.#renewal.retry()
    }
  }

  /** What is no function gives the same another time. */
  #expireIn({ expiresInMs }: Lasting): void {
    if (typeof this.#parts.auth === 'function') this.#renewal.start(expiresInMs)
  }

  /** @throws {RowcastError} `unauthenticated` if the application has none to give */
  async #credentials(): Promise<Credentials> {
    const { auth } = this.#parts
    try {
      return (typeof auth === 'function' ? await auth() : auth) ?? {}
    } catch (cause) {
      throw new RowcastError('unauthenticated', 'the auth function failed', { cause })
    }
  }

  #createSocket(): AppSocket {
    const { url, path, transports, retryDelayMs, maxRetryDelayMs } = this.#parts
    const options = {
      path,
      transports: [...transports],
      tryAllTransports: true,
      autoConnect: false,
      forceNew: true,
      reconnectionDelay: retryDelayMs,
      reconnectionDelayMax: maxRetryDelayMs,
      randomizationFactor: 0.5,
      auth: (send: (auth: object) => void) => this.#authenticate(socket, send),
    }
    const open = this.#parts.io ?? io
    const socket: AppSocket = url === undefined ? open(options) : open(url, options)
    socket.on('connect', () => this.#attach(socket))
    socket.on('disconnect', (reason) => this.#lost(socket, reason))
    socket.on('connect_error', (error) => this.#failed(socket, error))
    for (const name of messageNames) socket.on(name, (input: unknown) => this.#receive(socket, name, input))
    return socket
  }

  async #authenticate(socket: AppSocket, send: (auth: object) => void): Promise<void> {
    try {
      send(await this.#credentials())
    } catch (error) {
      if (this.#socket === socket) this.#retry(socket, error as RowcastError) // it throws no other
    }
  }

  #attach(socket: AppSocket): void {
    if (this.#socket !== socket) return
    const { sync, session } = this.#parts
    const wire = this.#wireOver(socket)
    const answered = (reply: Reply<Attached>): void => {
      if (reply.ok) {
        if (reply.value.session.id !== this.#session?.id) session.save(reply.value.session)
        this.#session = reply.value.session
        this.#attachedAs = socket.id
        this.#expireIn(reply.value)
      } else if (reply.code === 'session_not_found' && this.#session) {
        this.#session = undefined
        session.clear()
        sync.attach(wire, undefined, answered)
      } else this.#refused(socket, new RowcastError(reply.code, reply.message))
    }
    sync.attach(wire, this.#session, answered)
  }

  #refused(socket: AppSocket, error: RowcastError): void {
    this.#parts.report(error)
    // asking again would get the same answer
    if (error.code === 'unsupported_protocol') this.close(error)
    else this.#retry(socket, error)
  }

  #receive(socket: AppSocket, name: (typeof messageNames)[number], input: unknown): void {
    if (this.#socket !== socket) return
    const { sync, report } = this.#parts
    let message
    try {
      message = parseMessage(name, input)
    } catch (error) {
      report(error as RowcastError) // parseMessage throws no other
      this.#arrived.flush()
      if (name !== 'progress') sync.doubt()
      return
    }
    if (message.name === 'leave') this.#leaveWithin(socket, message.withinMs)
    else if (message.name === 'expired')
      this.#retry(socket, new RowcastError('expired', 'what this client has signed in with has expired'))
    else this.#arrived.add(message)
  }

  /** The server is about to end, for all its clients at once: each goes at a moment of its own. */
  #leaveWithin(socket: AppSocket, withinMs: number): void {
    this.#leaveTimer ??= setTimeout(
      () => {
        socket.disconnect()
        this.#detach()
        this.#waiting(new RowcastError('disconnected', 'the server ends; connecting to another'))
        socket.connect()
      },
      Math.random() * Math.min(withinMs, longestLeaveMs),
    )
  }

  #detach(): void {
    this.#arrived.clear() // it will come again
    clearTimeout(this.#leaveTimer)
    clearTimeout(this.#catchingUpTimer)
    this.#leaveTimer = undefined
    this.#renewal.stop()
    this.#attachedAs = undefined
    this.#parts.sync.detach()
  }

  #lost(socket: AppSocket, reason: string): void {
    if (this.#socket !== socket || reason === 'io client disconnect') return
    this.#detach()
    const error = new RowcastError('disconnected', `the connection was lost: ${reason}`)
    // Socket.IO comes back by itself, unless the server has ended it
    if (socket.active) this.#waiting(error)
    else this.#retry(socket, error)
  }

  #failed(socket: AppSocket, cause: Error): void {
    if (this.#socket !== socket) return
    const { code, message } = (cause as { data?: { code?: ErrorCode; message?: string } }).data ?? {}
    const error = new RowcastError(code ?? 'disconnected', message ?? cause.message, { cause })
    if (socket.active) this.#waiting(error)
    else this.#retry(socket, error)
  }

  /** Connects anew after a while, since Socket.IO will not. */
  #retry(socket: AppSocket, error: RowcastError): void {
    const { retryDelayMs, maxRetryDelayMs } = this.#parts
    clearTimeout(this.#retryTimer)
    this.#detach()
    const longest = Math.min(maxRetryDelayMs, retryDelayMs * 2 ** this.#failures++)
    this.#retryTimer = setTimeout(
      () => {
        if (this.#socket === socket) socket.connect()
      },
      longest * (0.5 + Math.random() / 2),
    )
    if (socket.connected || socket.active) socket.disconnect()
    this.#waiting(error)
  }

  #waiting(error: RowcastError): void {
    if (signInCodes.includes(error.code)) this.#parts.onState({ status: 'unauthenticated', error })
    else this.#parts.onState({ status: this.#wasLive ? 'reconnecting' : 'connecting', error })
  }

  /** One connection's way to the server. Answers keep their order with the messages. */
  #wireOver(socket: AppSocket): Wire {
    const timeoutMs = this.#parts.answerTimeoutMs ?? answerTimeoutMs
    return {
      attach: (request, reply) =>
        socket.timeout(timeoutMs).emit('attach', request, (error: Error | null, result: unknown) => {
          this.#arrived.flush()
          reply(error ? silent : parseAttached(result))
        }),
      subscribe: (request, reply) =>
        socket.timeout(timeoutMs).emit('subscribe', request, (error: Error | null, result: unknown) => {
          this.#arrived.flush()
          if (!error) reply(parseSubscribed(result))
          else if (this.#socket === socket && socket.connected)
            this.leave(new RowcastError(silent.code, silent.message))
        }),
      unsubscribe: (request) => socket.emit('unsubscribe', request, () => undefined),
      acknowledge: (request) => {
        const answer = socket.timeout(lastWordMs).emitWithAck('ack', request)
        this.#acknowledged = answer.catch(() => undefined)
      },
    }
  }
}
