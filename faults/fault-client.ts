import {
  createClient,
  type Client,
  type ClientOptions,
  type Followed,
  type SessionStore,
} from '../client/core/index.ts'
import type { ResetReason } from '../shared/protocol.ts'
import type { Subscription } from '../shared/subscription.ts'
import { showPage } from './page.tsx'
import type { Random } from '../audit/random.ts'
import { statementOf, type FaultRecord, type Statement } from './records.ts'
import { tapWire, type WireTap } from './wire-tap.ts'
import { alwaysFollowed, clientRole, followedAtTimes, followedByFew, shownByPages } from './workload.ts'

export type SessionKey = NonNullable<Awaited<ReturnType<SessionStore['load']>>>

export interface FaultClientParts {
  readonly name: string
  /** Where it connects, and another device with the same session. */
  readonly urls: readonly [string, string]
  readonly random: Random
  /** It also renders a page. */
  readonly isPage: boolean
  /** It may follow the biggest table. */
  readonly isBig: boolean
  /** The key of the session that it shares with another client, if it does. */
  readonly shared: { key: SessionKey | undefined } | undefined
  readonly figures: ClientFigures
  readonly record: (record: Unstamped<FaultRecord>) => void
}

type Unstamped<T> = T extends unknown ? Omit<T, 'at'> : never

/** Counted while it runs, to be shown; what counts in the end is counted from the records. */
export interface ClientFigures {
  deliveries: number
  applied: number
  resumes: number
  resets: number
}

interface Following {
  readonly subscription: Subscription
  readonly followed: Followed<unknown>
  stop(): void
  /** What was last stated of it. */
  data: unknown
}

/**
 * A user of the run: opens a page, follows this and that, reloads, goes on at another device; and notes
 * everything that the client is given, holds, hands on and shows.
 */
export class FaultClient {
  readonly #parts: FaultClientParts
  readonly #followings = new Map<string, Following>()
  #client: Client | undefined
  #session: SessionKey | undefined
  #leave: () => void = () => undefined
  #timer: NodeJS.Timeout | undefined
  #isSettling = false
  #device = 0
  #connections = 0
  /** Of the last commit that was noted. */
  #position: string | undefined

  constructor(parts: FaultClientParts) {
    this.#parts = parts
  }

  get name(): string {
    return this.#parts.name
  }

  start(): void {
    this.#open()
    this.#moveLater()
  }

  /** From now on it stays where it is. A page that is just closed is opened. */
  settle(): void {
    this.#isSettling = true
    clearTimeout(this.#timer)
    if (!this.#client) this.#open()
  }

  /** Why it has not come to the end: undefined when it has. */
  unfinished(isEnd: (position: string) => boolean): string | undefined {
    const { connection, position } = this.#client?.store.getState() ?? {}
    if (!connection || !position) return 'has no position'
    if (connection.status !== 'live') return `is ${connection.status}: ${connection.error?.message ?? ''}`
    if (!isEnd(position)) return `stands at ${position}`
    for (const [name, { followed }] of this.#followings) {
      const { status, error } = followed.getSnapshot()
      if (status !== 'ready') return `${name} is ${status} ${error?.message ?? ''}`
    }
    return undefined
  }

  /** Notes all that it holds, and leaves. */
  end(): void {
    this.#look()
    const { record } = this.#parts
    const held: Record<string, unknown> = {}
    for (const [name, { followed }] of this.#followings) {
      const { status, data } = followed.getSnapshot()
      // a field of a row that is not there is undefined, which JSON does not know
      if (status === 'ready') held[name] = data ?? null
    }
    record({
      kind: 'ended',
      client: this.name,
      position: this.#client?.store.getState().position ?? '',
      held,
    })
    this.#close()
  }

  #open(): void {
    const { name, urls, random, shared, isPage, record } = this.#parts
    const url = urls[this.#device] ?? urls[0]
    const known = shared?.key ?? this.#session
    // how far a session is that two use is not for one of them to know
    record({ kind: 'begun', client: name, isResumed: known !== undefined && !shared })
    this.#position = undefined
    tapWire(url, this.#tap())
    const options: ClientOptions = {
      url,
      auth: { role: clientRole },
      transports: ['websocket'],
      graceMs: random.pick([0, 100, 2_000]),
      retryDelayMs: 100,
      maxRetryDelayMs: 2_000,
      acknowledgeMs: 1_000,
      session: this.#sessionStore(),
      restore: random.chance(0.3),
      onError: ({ code, message }) => record({ kind: 'reported', client: name, code, message }),
    }
    const client = createClient(options)
    this.#client = client
    const unsubscribe = client.store.subscribe((state, before) => {
      if (this.#client !== client) return
      if (state.connection !== before.connection) {
        const { status, error } = state.connection
        record({ kind: 'connection', client: name, status, ...(error && { error: error.message }) })
      }
      if (state.position !== before.position || state.relations !== before.relations) this.#look()
    })
    this.#follow('accounts', alwaysFollowed.accounts)
    this.#recordLedger(client)
    if (isPage)
      for (const [following, subscription] of Object.entries(shownByPages))
        this.#follow(following, subscription)
    const names = this.#namesAtTimes()
    for (const other of random.shuffled(names).slice(0, random.int(1, 4))) this.#toggle(other)
    const hide = isPage
      ? showPage(client, (shown) => {
          const { position } = client.store.getState()
          if (position !== undefined && Object.keys(shown).length > 0)
            record({ kind: 'rendered', client: name, position, shown })
        })
      : () => undefined
    this.#leave = () => {
      hide()
      unsubscribe()
      client.close()
    }
  }

  #close(): void {
    const client = this.#client
    this.#client = undefined
    this.#followings.clear()
    if (client) this.#leave()
  }

  #moveLater(): void {
    const { random } = this.#parts
    this.#timer = setTimeout(
      () => {
        this.#move()
        if (!this.#isSettling) this.#moveLater()
      },
      random.int(500, 5_000),
    )
  }

  #move(): void {
    const { random, shared } = this.#parts
    if (!this.#client) return this.#open()
    const move = random.weighted({ toggle: 30, reload: 2, closed_for_a_while: 1, other_device: 1, anew: 1 })
    switch (move) {
      case 'toggle':
        return this.#toggle(random.pick(this.#namesAtTimes()) ?? 'best')
      case 'reload':
        this.#close()
        return this.#open()
      case 'closed_for_a_while':
        return this.#close() // the next move opens it
      case 'other_device':
        this.#close()
        this.#device = 1 - this.#device
        return this.#open()
      case 'anew':
        if (shared) return
        this.#close()
        this.#session = undefined
        return this.#open()
    }
  }

  #namesAtTimes(): string[] {
    const { isPage, isBig } = this.#parts
    const names = Object.keys({ ...followedAtTimes, ...(isBig && followedByFew) })
    return isPage ? names.filter((name) => !(name in shownByPages)) : names
  }

  #toggle(name: string): void {
    const following = this.#followings.get(name)
    if (following) {
      this.#followings.delete(name)
      following.stop()
      this.#parts.record({ kind: 'unsubscribed', client: this.name, name })
      return
    }
    const subscription = followedAtTimes[name] ?? followedByFew[name]
    if (subscription) this.#follow(name, subscription)
  }

  #follow(name: string, subscription: Subscription, isRecorded = false): void {
    const followed = this.#client?.follow(subscription)
    if (!followed) return
    this.#parts.record({ kind: 'subscribed', client: this.name, name, subscription, isRecorded })
    const following = { subscription, followed, data: nothing, stop: () => undefined as void }
    this.#followings.set(name, following)
    following.stop = followed.subscribe(() => this.#look())
    this.#look() // it may be known already
  }

  /** The changes themselves, besides the rows: each is to come once. */
  #recordLedger(client: Client): void {
    const name = 'ledger'
    this.#follow(name, alwaysFollowed.ledger, true)
    const changes = client.changes('ledger', { last: 10_000 })
    let last: unknown
    changes.subscribe(() => {
      const { data = [] } = changes.getSnapshot()
      if (this.#client !== client || data.at(-1) === last) return
      const arrived = data.slice(data.findIndex((change) => change === last) + 1)
      last = data.at(-1)
      const gap = arrived.find((change) => change.op === 'gap')
      this.#parts.record({
        kind: 'recorded',
        client: this.name,
        name,
        changes: arrived.flatMap((change) =>
          change.op === 'gap' ? [] : [{ transaction: change.transaction, op: change.op, key: change.key }],
        ),
        ...(gap && { gap: gap.reason }),
      })
    })
  }

  /** States what is held now, as far as it is another than at the last commit. */
  #look(): void {
    const position = this.#client?.store.getState().position
    if (position === undefined) return
    const held: Record<string, Statement> = {}
    let isNew = position !== this.#position
    this.#position = position
    for (const [name, following] of this.#followings) {
      const { status, data } = following.followed.getSnapshot()
      const isSame = status === 'ready' ? following.data === data : following.data === nothing
      isNew ||= !isSame
      following.data = status === 'ready' ? data : nothing
      if (status === 'ready' && !isSame) held[name] = statementOf(following.subscription, data)
    }
    if (!isNew) return
    this.#parts.figures.applied++
    this.#parts.record({ kind: 'applied', client: this.name, position, held })
  }

  #sessionStore(): SessionStore {
    const { shared } = this.#parts
    return {
      load: () => Promise.resolve(shared ? shared.key : this.#session),
      save: (key) => {
        this.#session = key
        if (shared) shared.key = key
      },
      clear: () => {
        if (shared?.key?.id === this.#session?.id && shared) shared.key = undefined
        this.#session = undefined
      },
    }
  }

  #tap(): WireTap {
    const { name: client, random, record, figures } = this.#parts
    return {
      random,
      nextConnection: () => ++this.#connections,
      asked(connection, request, body) {
        const base = { kind: 'asked', client, connection } as const
        const asked = body as never
        switch (request) {
          case 'attach': {
            const { position, subscriptions, restore } = asked as AttachBody
            const optional = { ...(position && { position }), ...(restore !== undefined && { restore }) }
            record({ ...base, request, subscriptions, ...optional })
            break
          }
          case 'subscribe':
            record({ ...base, request, subscription: (asked as SubscribeBody).subscription })
            break
          case 'unsubscribe':
            record({ ...base, request, id: (asked as { id: string }).id })
            break
          case 'ack':
            record({ ...base, request, position: (asked as { position: string }).position })
        }
        return (answer) => {
          if (request !== 'attach' && request !== 'subscribe') return
          const { ok, code, value } = (answer ?? {}) as AnswerBody
          const subscriptions =
            request === 'subscribe'
              ? [{ subscription: (asked as SubscribeBody).subscription, id: value?.id ?? null }]
              : (asked as AttachBody).subscriptions.map(({ subscription }, i) => ({
                  subscription,
                  id: value?.subscriptions?.[i]?.value?.id ?? null,
                }))
          if (request === 'attach' && value?.resumed) figures.resumes++
          record({
            kind: 'answered',
            client,
            connection,
            request,
            subscriptions: ok ? subscriptions : [],
            ...(code !== undefined && { code }),
            ...(value?.resumed !== undefined && { isResumed: value.resumed }),
          })
        }
      },
      given(connection, message, body) {
        const base = { kind: 'given', client, connection } as const
        const given = body as GivenBody
        figures.deliveries++
        switch (message) {
          case 'batch':
            return record({
              ...base,
              message,
              to: given.to,
              ...(given.part !== undefined && { part: given.part }),
              transactions: given.transactions.map(({ id }) => id),
              changes: given.transactions.reduce((sum, { changes }) => sum + changes.length, 0),
            })
          case 'snapshot': {
            const { to, subscription, rows, done } = given
            return record({ ...base, message, to, subscription, rows: rows.length, done })
          }
          case 'progress':
            return record({ ...base, message, to: given.to })
          case 'reset':
            figures.resets++
            return record({ ...base, message, reason: given.reason })
          case 'ended':
            return record({ ...base, message, subscription: given.subscription, code: given.code })
          case 'catch_up':
          case 'leave':
            return record({ ...base, message })
        }
      },
    }
  }
}

/** Equal to no data. */
const nothing = Symbol('nothing')

/** What passes is noted as it is, before anybody has looked whether it is right. */
interface AttachBody {
  readonly position?: string
  readonly restore?: boolean
  readonly subscriptions: { readonly subscription: Subscription }[]
}
interface SubscribeBody {
  readonly subscription: Subscription
}
interface AnswerBody {
  readonly ok?: boolean
  readonly code?: string
  readonly value?: {
    readonly id?: string
    readonly resumed?: boolean
    readonly subscriptions?: readonly { readonly value?: { readonly id: string } }[]
  }
}
interface GivenBody {
  readonly to: string
  readonly part?: number
  readonly transactions: readonly { readonly id: string; readonly changes: readonly unknown[] }[]
  readonly subscription: string
  readonly rows: readonly unknown[]
  readonly done: boolean
  readonly reason: ResetReason
  readonly code: string
}
