import type { KeyText, Row } from '../../shared/change.ts'
import { RowcastError } from '../../shared/errors.ts'
import {
  protocolVersion,
  type Attached,
  type AttachRequest,
  type Position,
  type Reply,
  type Subscribed,
} from '../../shared/protocol.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'
import type { Holding } from './holding.ts'
import type { Message } from './messages.ts'
import type { Commit, Replica } from './replica.ts'
import { Served } from './served.ts'
import type { Interest, InterestObserver } from './subscriptions.ts'
import type { SessionKey, Wire } from './wire.ts'

export interface SyncParts {
  readonly replica: Replica
  /** All that the page follows now. */
  readonly interests: () => Iterable<Interest> & { has(interest: Interest): boolean }
  /** Makes a commit visible, before the listeners are told. */
  readonly publish: (commit: Commit, position: Position | undefined) => void
  /** Told once a connection has brought everything up to date. */
  readonly onLive: () => void
  readonly report: (error: RowcastError) => void
  /** A subscription is asked for afresh this often at the most. Default 10 s. */
  readonly resyncIntervalMs?: number
}

/** Batches of so many last positions are known again. */
const rememberedBatches = 256

/**
 * Keeps the replica in step with the server, over one connection after another: says what the page
 * follows, applies what comes, in order, and asks afresh for what has gone out of step.
 *
 * After attaching, everything up to the first `progress` is held back and applied as one commit; so is
 * everything after a reset until each subscription has its snapshot. Until then the page shows what
 * it showed.
 */
export class Sync implements InterestObserver {
  readonly #parts: SyncParts
  #wire: Wire | undefined
  #phase: 'detached' | 'attaching' | 'catching_up' | 'live' = 'detached'
  #position: Position | undefined
  readonly #served = new Served()
  /** What awaits the end of catching up. */
  #staged: Message[] = []
  /** After a reset: the subscriptions whose snapshots are still to come. */
  #awaited: Set<SubscriptionId> | undefined
  /** Something that came could not be read, so nothing that is held can be relied upon. */
  #isDoubtful = false
  #chunks = new Map<SubscriptionId, (readonly [KeyText, Row])[]>()
  readonly #applied = new Set<Position>()
  /** Answers to come that may name a subscription which now seems unused. */
  #pendingAnswers = 0
  readonly #resyncedAt = new WeakMap<Holding, number>()
  /** Interests that show something else from the next commit on. */
  #turned = new Set<Interest>()

  constructor(parts: SyncParts) {
    this.#parts = parts
  }

  get position(): Position | undefined {
    return this.#position
  }

  /** Starts or resumes the session on a new connection. `answered` gets the server's answer. */
  attach(wire: Wire, session: SessionKey | undefined, answered: (reply: Reply<Attached>) => void): void {
    this.detach()
    this.#wire = wire
    this.#phase = 'attaching'
    // another session may be somebody else's, who would see other rows
    if (!session) this.#parts.replica.expire()
    const interests = [...this.#parts.interests()]
    const subscriptions = interests.map(({ subscription, holding }) => ({
      subscription,
      ...(holding?.isCurrent && holding.shape !== undefined && { held: holding.shape }),
    }))
    const position = subscriptions.some(({ held }) => held !== undefined) ? this.#position : undefined
    const request: AttachRequest = {
      protocol: protocolVersion,
      ...(session && { session }),
      ...(position !== undefined && { position }),
      subscriptions,
    }
    wire.attach(request, (reply) => {
      if (this.#wire !== wire) return
      if (reply.ok) this.#attached(interests, reply.value)
      else this.#phase = 'detached'
      answered(reply)
    })
  }

  /** The connection has gone. What is held stays, and stands where it stood. */
  detach(): void {
    this.#wire = undefined
    this.#phase = 'detached'
    this.#staged = []
    this.#awaited = undefined
    this.#isDoubtful = false
    this.#chunks.clear()
    this.#pendingAnswers = 0
    this.#dropUnused()
    this.#commit()
  }

  /** Takes a message of the present connection. */
  receive(message: Message): void {
    if (message.name === 'reset' && this.#phase === 'live') {
      this.#phase = 'catching_up'
      this.#awaited = new Set(this.#served.ids)
    }
    if (this.#phase === 'live') return this.#apply([message])
    this.#staged.push(message)
    if (this.#phase === 'catching_up' && this.#isComplete(message)) this.#catchUp()
  }

  /** A message that might have changed anything could not be read: everything is asked for afresh. */
  doubt(): void {
    this.#isDoubtful = true
    if (this.#phase === 'live') this.#dispel()
  }

  acknowledge(): void {
    if (this.#position !== undefined && this.#phase === 'live')
      this.#wire?.acknowledge({ position: this.#position })
  }

  begun(interest: Interest): void {
    if (this.#phase === 'live' || this.#phase === 'catching_up') this.#subscribe(interest)
  }

  ceased(interest: Interest): void {
    this.#served.remove(interest)
    this.#dropUnused()
    this.#commit()
  }

  recorded(interest: Interest): void {
    if (!interest.holding) return
    const interests = [...this.#of(interest.holding)]
    this.#parts.replica.record(
      interest.holding,
      interests.some(({ recorders }) => recorders.size > 0),
    )
  }

  #attached(interests: readonly Interest[], { subscriptions }: Attached): void {
    this.#phase = 'catching_up'
    this.#served.replace(() =>
      interests.forEach((interest, index) => {
        const reply = subscriptions[index]
        if (reply) this.#answer(interest, reply)
      }),
    )
    const asked = new Set(interests)
    for (const interest of this.#parts.interests()) if (!asked.has(interest)) this.#subscribe(interest)
    this.#dropUnused()
    this.#commit()
  }

  #subscribe(interest: Interest): void {
    const wire = this.#wire
    this.#pendingAnswers++
    wire?.subscribe({ subscription: interest.subscription }, (reply) => {
      if (this.#wire !== wire) return
      this.#pendingAnswers--
      if (reply.ok) this.#chunks.delete(reply.value.id)
      this.#answer(interest, reply)
      this.#dropUnused()
      this.#commit()
    })
  }

  /** Gives an interest what the server made of it. */
  #answer(interest: Interest, reply: Reply<Subscribed>): void {
    if (!reply.ok || interest.holding?.id !== reply.value.id) this.#served.remove(interest)
    if (!this.#parts.interests().has(interest)) {
      if (reply.ok) this.#served.spare(reply.value.id)
      return
    }
    this.#turned.add(interest)
    if (!reply.ok) {
      interest.refuse(new RowcastError(reply.code, reply.message))
      return
    }
    const { id } = reply.value
    this.#served.add(id, interest)
    interest.bind(this.#parts.replica.open(reply.value, interest.subscription))
    this.recorded(interest)
  }

  /** Leaves what nobody follows any more, once no answer is to come that could name it again. */
  #dropUnused(): void {
    if (this.#pendingAnswers > 0 || this.#phase === 'attaching') return
    for (const id of this.#served.takeUnused()) {
      this.#parts.replica.close(id)
      this.#chunks.delete(id)
      this.#awaited?.delete(id)
      if (this.#phase !== 'detached') this.#wire?.unsubscribe({ id })
    }
  }

  #isComplete(message: Message): boolean {
    if (message.name === 'progress') return true
    if (!this.#awaited) return false
    if (message.name === 'ended' || (message.name === 'snapshot' && message.done))
      this.#awaited.delete(message.subscription)
    return this.#awaited.size === 0
  }

  #catchUp(): void {
    const messages = this.#staged
    const isFirst = this.#awaited === undefined
    this.#staged = []
    this.#awaited = undefined
    this.#phase = 'live'
    this.#apply(messages)
    this.#dispel()
    if (isFirst) this.#parts.onLive()
  }

  #dispel(): void {
    if (!this.#isDoubtful) return
    this.#isDoubtful = false
    for (const id of this.#served.ids) {
      const holding = this.#parts.replica.get(id)
      if (holding) this.#resync(holding)
    }
  }

  /** Applies messages in their order, as one commit. */
  #apply(messages: readonly Message[]): void {
    let isVisible = false
    for (const message of messages) isVisible = this.#applyOne(message) || isVisible
    if (isVisible) this.#commit()
  }

  #applyOne(message: Message): boolean {
    const { replica } = this.#parts
    switch (message.name) {
      case 'batch':
        // delivery is at least once; the store's is exactly once
        if (this.#applied.has(message.to)) return false
        this.#remember(message.to)
        replica.applyBatch(message)
        this.#position = message.to
        return true
      case 'snapshot': {
        const { subscription, rows, done, to, shape } = message
        if (!replica.get(subscription)) return false // it has just been left
        const chunks = this.#chunks.get(subscription) ?? []
        for (const row of rows) chunks.push(row)
        this.#chunks.set(subscription, chunks)
        if (!done) return false
        this.#chunks.delete(subscription)
        replica.applySnapshot(subscription, chunks, shape)
        this.#position = to
        return true
      }
      case 'progress':
        this.#remember(message.to)
        this.#position = message.to
        return true
      case 'catch_up':
      case 'leave':
        return false
      case 'reset':
        replica.expire()
        this.#chunks.clear()
        return true
      case 'ended': {
        const { subscription, code, message: text } = message
        for (const interest of this.#served.of(subscription)) {
          interest.refuse(new RowcastError(code, text))
          this.#turned.add(interest)
        }
        this.#served.delete(subscription)
        this.#chunks.delete(subscription)
        replica.close(subscription)
        return true
      }
    }
  }

  #remember(position: Position): void {
    this.#applied.add(position)
    if (this.#applied.size <= rememberedBatches) return
    const [oldest] = this.#applied
    if (oldest !== undefined) this.#applied.delete(oldest)
  }

  /** Everybody is told once, after all of it can be read. */
  #commit(): void {
    const commit = this.#parts.replica.commit()
    const turned = this.#turned
    this.#turned = new Set()
    for (const holding of commit.changed) for (const interest of this.#of(holding)) turned.add(interest)
    this.#parts.publish(commit, this.#position)
    for (const holding of commit.lost) {
      this.#parts.report(new RowcastError('row_missing', `${holding.id} is out of step: it is read afresh`))
      this.#resync(holding)
    }
    for (const [holding, records] of commit.records)
      for (const interest of this.#of(holding))
        for (const recorder of [...interest.recorders]) recorder(records)
    for (const interest of turned) interest.notify()
  }

  #of(holding: Holding): Iterable<Interest> {
    return this.#served.of(holding.id)
  }

  /** Asks for a fresh snapshot. Until it comes, what is held stays visible and unchanged. */
  #resync(holding: Holding): void {
    const wire = this.#wire
    const interval = this.#parts.resyncIntervalMs ?? 10_000
    holding.isCurrent = false
    const waitMs = (this.#resyncedAt.get(holding) ?? -Infinity) + interval - performance.now()
    if (waitMs > 0) {
      // a server that goes on sending what cannot be applied is not to be asked in a circle
      setTimeout(() => {
        if (this.#wire === wire && !holding.isCurrent) this.#resync(holding)
      }, waitMs)
      return
    }
    const [interest] = this.#of(holding)
    if (!wire || !interest) return
    this.#resyncedAt.set(holding, performance.now())
    wire.unsubscribe({ id: holding.id })
    this.#subscribe(interest)
  }
}
