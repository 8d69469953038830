import { io } from 'socket.io-client'
import {
  createClient,
  type Client,
  type Followed,
  type Row,
  type SessionStore,
} from '../client/core/index.ts'
import type { RowcastError } from '../shared/errors.ts'
import type { Subscription } from '../shared/subscription.ts'
import type { ClientRecord, ClientRecords, Holding } from './records.ts'
import { markerRelation } from './tables.ts'

export interface AuditedClientOptions {
  readonly name: string
  readonly url: string
  /** Which it may be; it begins as the first. */
  readonly identities: readonly [number, ...number[]]
  /** Shared with another client: then both are connections of one session. */
  readonly session: SessionStore
  readonly transport: 'websocket' | 'polling'
}

type Unwritten = ClientRecord extends infer R ? (R extends unknown ? Omit<R, 'at'> : never) : never

interface Following {
  readonly subscription: Subscription
  readonly followed: Followed<unknown>
  readonly stop: () => void
  errorSince: number | undefined
}

/** The real client on real sockets. Writes down every byte that passes, and what it holds at every position. */
export class AuditedClient implements ClientRecords {
  readonly name: string
  readonly identities: readonly [number, ...number[]]
  readonly records: ClientRecord[] = []
  /** What it reports of itself: changes that could not be applied, messages that could not be read. */
  readonly errors: RowcastError[] = []
  readonly #client: Client
  readonly #markers: Followed<readonly Row[]>
  readonly #following = new Map<string, Following>()
  readonly #openings: ClientRecord[] = []
  #identity: number
  #isRenewing = false
  #position: string | undefined

  constructor({ name, url, identities, session, transport }: AuditedClientOptions) {
    this.name = name
    this.identities = identities
    this.#identity = identities[0]
    this.#client = createClient({
      url,
      session,
      auth: () => {
        const kind = this.#isRenewing ? 'renewing' : 'opened'
        const record = this.#write({ kind, identity: this.#identity })
        if (kind === 'opened') this.#openings.push(record)
        return { identity: this.#identity }
      },
      io: ((...args: Parameters<typeof io>) => this.#tapped(io(...args))) as typeof io,
      graceMs: 0,
      retryDelayMs: 20,
      maxRetryDelayMs: 100,
      transports: [transport],
      onError: (error) => this.errors.push(error),
    })
    this.#markers = this.#client.follow<readonly Row[]>({ kind: 'table', relation: markerRelation })
    this.#markers.subscribe(() => undefined)
    this.#client.store.subscribe(({ position }) => {
      if (position === undefined || position === this.#position) return
      this.#position = position
      this.#hold(false)
    })
  }

  get subscriptions(): readonly Subscription[] {
    return [...this.#following.values()].map(({ subscription }) => subscription)
  }

  follow(subscription: Subscription): void {
    const name = JSON.stringify(subscription)
    if (this.#following.has(name)) return
    const followed = this.#client.follow(subscription)
    const following: Following = {
      subscription,
      followed,
      stop: followed.subscribe(noteError),
      errorSince: undefined,
    }
    function noteError(): void {
      if (followed.getSnapshot().status !== 'error') following.errorSince = undefined
      else following.errorSince ??= Date.now()
    }
    this.#following.set(name, following)
  }

  unfollow(subscription: Subscription): void {
    const name = JSON.stringify(subscription)
    this.#following.get(name)?.stop()
    this.#following.delete(name)
  }

  close(): void {
    this.#client.close()
  }

  /** Goes on where it was, perhaps as somebody else who may use the same session. */
  connect(identity = this.#identity): void {
    this.#identity = identity
    this.#client.connect()
  }

  get isLive(): boolean {
    return this.#client.store.getState().connection.status === 'live'
  }

  /** Says on the open connection that it is somebody else who may use the same session. */
  async renew(identity: number): Promise<void> {
    if (!this.isLive) return
    this.#identity = identity
    this.#isRenewing = true
    const renewed = this.#client.renewAuth() // asks for what it is to say before anything else
    this.#isRenewing = false
    await renewed.catch(() => undefined) // the connection is lost, or refused: then the next one says it
  }

  /** Whether it is live and shows a marker, so that it has all that was committed before. */
  hasCome(marker: number): boolean {
    const { status, data } = this.#markers.getSnapshot()
    return (
      status === 'ready' &&
      this.isLive &&
      data.some(({ id }) => id === marker) &&
      [...this.#following.values()].every(({ followed }) => followed.getSnapshot().status !== 'loading')
    )
  }

  /** For people, when it does not come to rest. */
  get state(): string {
    const waiting = [...this.#following.values()].filter(
      ({ followed }) => followed.getSnapshot().status === 'loading',
    )
    return JSON.stringify({
      connection: this.#client.store.getState().connection,
      markers: this.#markers.getSnapshot(),
      loading: waiting.map(({ subscription }) => subscription),
    })
  }

  /** Writes down what it holds now that nothing is on its way. */
  rest(): void {
    this.#hold(true)
  }

  #hold(isAtRest: boolean): void {
    if (this.#position === undefined) return
    const holdings = [...this.#following.values()].flatMap((following): Holding[] => {
      const { status, data, error } = following.followed.getSnapshot()
      if (status === 'ready') return [{ subscription: following.subscription, result: { status, data } }]
      if (status === 'loading') return []
      const result = { status, code: error.code, since: following.errorSince ?? Date.now() }
      return [{ subscription: following.subscription, result }]
    })
    this.#write({ kind: 'held', position: this.#position, holdings, isAtRest })
  }

  #tapped(socket: ReturnType<typeof io>): ReturnType<typeof io> {
    socket.io.on('open', () => {
      const { engine } = socket.io
      let connection: number | undefined // its first message follows upon its opening
      const write = (kind: 'sent' | 'received', { type, data }: { type: string; data?: unknown }): void => {
        if (type !== 'message') return
        connection ??= this.#openings.length
        this.#write({ kind, text: String(data) }, connection)
      }
      engine.on('packet', (packet) => write('received', packet))
      engine.on('packetCreate', (packet) => write('sent', packet))
    })
    return socket
  }

  /** What a connection that is being left still brings is its own, and not the next one's: it is put before that. */
  #write(record: Unwritten, connection = this.#openings.length): ClientRecord {
    const written = { at: Date.now(), ...record } as ClientRecord
    const next = this.#openings[connection]
    this.records.splice(next ? this.records.indexOf(next) : this.records.length, 0, written)
    return written
  }
}
