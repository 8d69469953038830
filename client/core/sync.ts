import { RowcastError } from '../../shared/errors.ts'
import { isBehind } from '../../shared/position.ts'
import {
  protocolVersion,
  type Attached,
  type AttachRequest,
  type Ended,
  type Position,
  type Reply,
  type Snapshot,
  type Subscribed,
} from '../../shared/protocol.ts'
import type { Subscription, SubscriptionId } from '../../shared/subscription.ts'
import { Arrivals } from './arrivals.ts'
import type { Holding } from './holding.ts'
import type { Message } from './messages.ts'
import { Pace } from './pace.ts'
import type { Commit, Replica } from './replica.ts'
import { Served } from './served.ts'
import { Stage, type StagedMessage } from './stage.ts'
import type { Interest, InterestObserver } from './subscriptions.ts'
import type { SessionKey, Wire } from './wire.ts'

/** All that the page follows now. */
export interface Interests extends Iterable<Interest> {
  has(interest: Interest): boolean
  keep(subscription: Subscription): Interest
  takeOver(interest: Interest): void
}

export interface SyncParts {
  readonly replica: Replica
  readonly interests: () => Interests
  /** Makes a commit visible, before the listeners are told. */
  readonly publish: (commit: Commit, position: Position | undefined) => void
  /** Told whenever a connection has brought everything up to date. */
  readonly onLive: () => void
  /** Told when a connection that was up to date no longer is. */
  readonly onCatchUp: () => void
  /** Told when this server cannot be gone on with, and another, or the same one later, is to be asked. */
  readonly onUnfit: (error: RowcastError) => void
  readonly report: (error: RowcastError) => void
  /** What else the session follows is followed as well. */
  readonly restore?: boolean
  /** A subscription is asked for afresh this often at the most. Default 10 s. */
  readonly resyncIntervalMs?: number
  /** A subscription that the server has no time for is asked for again after so long, then after twice that. Default 0.5 s. */
  readonly retryDelayMs?: number
}

/** However often the server had no time. */
const maxRetryDelayMs = 10_000

/** What matters to the state of the page; the others matter to the connection. */
export type SyncMessage = Exclude<Message, { readonly name: 'leave' | 'expired' }>

/**
 * Keeps the replica in step with the server, over one connection after another: says what the page
 * follows, applies what comes, in order, and asks afresh for what has gone out of step.
 *
 * After attaching, and whenever the server says that the connection has fallen behind, everything up to the next
 * `progress` is held back and applied as one commit. Until then the page shows what it showed. What it shows
 * never goes back: what has been seen already changes nothing, and a server that knows less is left.
 */
export class Sync implements InterestObserver {
  readonly #parts: SyncParts
  #wire: Wire | undefined
  #phase: 'detached' | 'attaching' | 'catching_up' | 'live' = 'detached'
  #position: Position | undefined
  readonly #served = new Served()
  /** What awaits the end of catching up. */
  readonly #stage = new Stage()
  /** Something that came could not be read, so nothing that is held can be relied upon. */
  #isDoubtful = false
  readonly #arrivals = new Arrivals()
  #hasRestored = false
  #isNewSession = false
  /** Answers to come that may name a subscription which now seems unused. */
  #pendingAnswers = 0
  /** What the server was told to leave: should it be followed again, what came before is no part of its rows. */
  readonly #left = new Set<SubscriptionId>()
  /** A server that goes on sending what cannot be applied is not to be asked in a circle. */
  readonly #resyncPace: Pace<Holding>
  /** Interests that are served together with one that has just been answered. */
  readonly #superseded: Interest[] = []
  /** Interests that show something else from the next commit on. */
  #turned = new Set<Interest>()

  constructor(parts: SyncParts) {
    this.#parts = parts
    this.#resyncPace = new Pace(parts.resyncIntervalMs ?? 10_000)
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
    const subscriptions = interests.map(({ subscription, holding, recording }) => {
      if (holding?.isCurrent && holding.shape !== undefined) return { subscription, held: holding.shape }
      // who has recorded already takes up the thread with the rows, and is told of the gap
      const awaitsInbox = session !== undefined && recording?.isBegun === false
      if (recording) recording.awaitsInbox = awaitsInbox
      return { subscription, ...(awaitsInbox && { inbox: true }) }
    })
    const position = subscriptions.some((asked) => 'held' in asked) ? this.#position : undefined
    const request: AttachRequest = {
      protocol: protocolVersion,
      ...(session && { session }),
      ...(position !== undefined && { position }),
      subscriptions,
      ...(session && this.#parts.restore && !this.#hasRestored && { restore: true }),
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
    this.#stage.clear()
    this.#isDoubtful = false
    this.#arrivals.clear()
    this.#pendingAnswers = 0
    this.#left.clear()
    this.#dropUnused()
    this.#commit()
  }

  /** Takes messages of the present connection, in their order, and shows what they come to at once. */
  receive(...messages: readonly SyncMessage[]): void {
    const wire = this.#wire
    let hasNews = false
    for (const message of messages) {
      if (this.#take(message)) hasNews = true
      if (this.#wire !== wire) return // it has been left over this message
    }
    if (hasNews) this.#commit()
  }

  /** Whether there is something that is not shown yet. */
  #take(message: SyncMessage): boolean {
    switch (message.name) {
      case 'catch_up':
        this.#fallBehind()
        return false
      case 'ended':
        this.#end(message)
        return true
      case 'reset':
        if (this.#phase === 'live') this.#fallBehind()
    }
    if (this.#phase === 'live') return this.#follow(message)
    this.#stage.add(message)
    if (message.name === 'progress' && this.#phase === 'catching_up') this.#catchUp(message.to)
    return false
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

  recorded({ holding }: Interest): void {
    if (!holding) return
    const recordings = [...this.#of(holding)].flatMap(({ recording }) => recording ?? [])
    this.#parts.replica.record(holding, recordings)
  }

  #attached(interests: readonly Interest[], { subscriptions, restored, resumed }: Attached): void {
    this.#phase = 'catching_up'
    this.#isNewSession = !resumed
    this.#hasRestored = true
    const asked = new Set(interests)
    this.#served.replace(() => {
      interests.forEach((interest, index) => {
        const reply = subscriptions[index]
        if (reply) this.#answer(interest, reply)
      })
      for (const { subscription, subscribed } of restored) {
        if (this.#served.has(subscribed.id)) continue
        const interest = this.#parts.interests().keep(subscription)
        asked.add(interest)
        this.#answer(interest, { ok: true, value: subscribed })
      }
    })
    for (const interest of this.#parts.interests()) if (!asked.has(interest)) this.#subscribe(interest)
    this.#answered()
  }

  /** @param refusals how often it has been asked for too fast */
  #subscribe(interest: Interest, refusals = 0): void {
    const wire = this.#wire
    this.#pendingAnswers++
    wire?.subscribe({ subscription: interest.subscription }, (reply) => {
      if (this.#wire !== wire) return
      this.#pendingAnswers--
      if (!reply.ok && reply.code === 'too_fast') return this.#subscribeLater(wire, interest, refusals)
      if (reply.ok && this.#left.delete(reply.value.id)) this.#forgetRows(reply.value.id) // they come afresh
      this.#answer(interest, reply)
      this.#answered()
    })
  }

  /** A page that mounts much at once goes on loading; those that ask again do not do so all at the same time. */
  #subscribeLater(wire: Wire, interest: Interest, refusals: number): void {
    const { retryDelayMs = 500 } = this.#parts
    const longest = Math.min(maxRetryDelayMs, retryDelayMs * 2 ** refusals)
    setTimeout(
      () => {
        if (this.#wire === wire && this.#parts.interests().has(interest))
          this.#subscribe(interest, refusals + 1)
      },
      longest * (0.5 + Math.random() / 2),
    )
    this.#answered()
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
    for (const other of this.#served.of(id)) if (other !== interest) this.#superseded.push(other)
  }

  /** After an answer, or several that came together. */
  #answered(): void {
    for (const interest of this.#superseded.splice(0)) this.#parts.interests().takeOver(interest)
    this.#dropUnused()
    this.#commit()
  }

  /** Leaves what nobody follows any more, once no answer is to come that could name it again. */
  #dropUnused(): void {
    if (this.#pendingAnswers > 0 || this.#phase === 'attaching') return
    for (const id of this.#served.takeUnused()) {
      this.#parts.replica.close(id)
      this.#forgetRows(id)
      if (this.#phase !== 'detached') this.#unsubscribe(id)
    }
  }

  #unsubscribe(id: SubscriptionId): void {
    this.#left.add(id)
    this.#wire?.unsubscribe({ id })
  }

  #forgetRows(id: SubscriptionId): void {
    this.#arrivals.forget(id)
    this.#stage.forget(id)
  }

  /** At once, also while other things are held back: what is over must not be waited for, nor come back. */
  #end({ subscription, code, message }: Ended): void {
    for (const interest of this.#served.of(subscription)) {
      interest.refuse(new RowcastError(code, message))
      this.#turned.add(interest)
    }
    this.#served.delete(subscription)
    this.#forgetRows(subscription)
    this.#parts.replica.close(subscription)
  }

  #fallBehind(): void {
    this.#stage.startOver()
    this.#arrivals.clear()
    if (this.#phase !== 'live') return
    this.#phase = 'catching_up'
    this.#parts.onCatchUp()
  }

  #catchUp(to: Position): void {
    const from = this.#position
    if (this.#isBack(to)) return this.#leave()
    for (const message of this.#stage.take()) this.#applyStaged(message, from, to)
    this.#position = to
    this.#phase = 'live'
    this.#commit()
    this.#dispel()
    if (this.#isNewSession) this.acknowledge() // its inbox begins here, however soon the page is left
    this.#isNewSession = false
    this.#parts.onLive()
  }

  #applyStaged(message: StagedMessage, from: Position | undefined, to: Position): void {
    const { replica } = this.#parts
    switch (message.name) {
      case 'batch': {
        // one in parts may well end where the page stands: the session's inbox is from before
        const isNews = message.part === undefined ? this.#isAhead(message.to) : this.#isNoRepeat(message, to)
        if (isNews) replica.applyBatch(message)
        return
      }
      case 'snapshot':
        if (this.#isNoRepeat(message, to)) this.#applyRows(message, from === to)
        return
      case 'reset':
        replica.expire(message.reason)
        this.#arrivals.clear()
    }
  }

  /** Applies what comes while everything is up to date. What has come already changes nothing. */
  #follow(message: StagedMessage): boolean {
    switch (message.name) {
      case 'batch':
        if (message.part !== undefined || !this.#isAhead(message.to)) return false
        this.#parts.replica.applyBatch(message)
        break
      case 'snapshot':
        if (this.#isBack(message.to)) {
          this.#refuse(message)
          return false
        }
        if (!this.#applyRows(message, true)) return false
        break
      case 'reset': // begins a catching up
        return false
      case 'progress':
        if (!this.#isAhead(message.to)) return false
    }
    this.#position = message.to
    return true
  }

  /** Rows that would take the page back: they have come once more, or this server knows no newer ones. */
  #refuse({ subscription }: Snapshot): void {
    if (this.#parts.replica.get(subscription)?.isCurrent === false) this.#leave()
  }

  /** Whether something has been applied: a snapshot is, when it is complete. */
  #applyRows(snapshot: Snapshot, isContinuous: boolean): boolean {
    if (!this.#parts.replica.get(snapshot.subscription)) return false // it has just been left
    const rows = this.#arrivals.add(snapshot)
    if (rows) this.#parts.replica.applySnapshot(snapshot, rows, isContinuous)
    return rows !== undefined
  }

  #isAhead(position: Position): boolean {
    return position !== this.#position && !this.#isBack(position)
  }

  /** What belongs to a catching up goes as far as it, and what has come before, once more, does not. */
  #isNoRepeat(message: { readonly to: Position }, to: Position): boolean {
    return message.to === to || this.#isAhead(message.to)
  }

  #isBack(position: Position): boolean {
    return this.#position !== undefined && isBehind(position, this.#position)
  }

  /** This server, a lagging replica perhaps, would take the page back. */
  #leave(): void {
    const message = 'the server does not know yet what is shown already; trying again'
    this.#parts.onUnfit(new RowcastError('disconnected', message))
  }

  #dispel(): void {
    if (!this.#isDoubtful) return
    this.#isDoubtful = false
    for (const id of this.#served.ids) {
      const holding = this.#parts.replica.get(id)
      if (holding) this.#resync(holding)
    }
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
    for (const recording of commit.recordings) recording.tell()
    for (const interest of turned) interest.notify()
  }

  #of(holding: Holding): Iterable<Interest> {
    return this.#served.of(holding.id)
  }

  /** Asks for a fresh snapshot. Until it comes, what is held stays visible and unchanged. */
  #resync(holding: Holding): void {
    const wire = this.#wire
    const [interest] = this.#of(holding)
    holding.isCurrent = false
    if (!wire || !interest) return
    const waitMs = this.#resyncPace.take(holding)
    if (waitMs > 0) {
      setTimeout(() => {
        if (this.#wire === wire && !holding.isCurrent) this.#resync(holding)
      }, waitMs)
      return
    }
    this.#unsubscribe(holding.id)
    this.#subscribe(interest)
  }
}
