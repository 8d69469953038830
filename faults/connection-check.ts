import type { Position } from '../shared/position.ts'
import type { ResetReason } from '../shared/protocol.ts'
import type { Subscription } from '../shared/subscription.ts'
import type { Findings } from './findings.ts'
import { hasOrder, type Answered, type Asked, type Given } from './records.ts'
import { qualified, sees, snapshotOf, type Snapshot, type Truth } from './truth.ts'

export interface ConnectionCounts {
  resumes: number
  /** Resumed subscriptions of whole tables, of which everything missed was looked for. */
  resumesChecked: number
  resets: Record<ResetReason, number>
  batches: number
  repeatedBatches: number
  /** Transactions that were sent, each as often as it was. */
  deliveries: number
  snapshots: number
}

type Attach = Asked & { readonly request: 'attach' }

/**
 * Judges what was sent over one connection: a resume brings exactly what was missed, nothing is sent again
 * but by way of a repeated message, and a reset has a reason.
 */
export class ConnectionCheck {
  readonly #client: string
  readonly #truth: Truth
  readonly #findings: Findings
  readonly #counts: ConnectionCounts
  #attach: Attach | undefined
  #answered: Answered['subscriptions'] = []
  /** What was left meanwhile, and may have been asked for once more: it is not gone on with. */
  readonly #left = new Set<string>()
  #wasReset = false
  #wasBehind = false
  /** Everything up to the first `progress` is staged, and so is everything from `catch_up` to the next. */
  #isStaging = true
  /** What has been sent, as a position: nothing from before it is sent again. */
  #floor: Snapshot | undefined
  /** The floor when staging began, to which a `catch_up` goes back. */
  #stagedFrom: Snapshot | undefined
  #last: { readonly to: Position; readonly floor: Snapshot | undefined } | undefined
  #messages = new Set<string>()
  #came = new Set<string>()

  constructor(client: string, truth: Truth, findings: Findings, counts: ConnectionCounts) {
    this.#client = client
    this.#truth = truth
    this.#findings = findings
    this.#counts = counts
  }

  attach(request: Attach): void {
    this.#attach = request
    const { position } = request
    if (position !== undefined) this.#counts.resumes++
    // The inbox goes back to what the session has acknowledged, which only the database knows.
    const hasInbox = request.subscriptions.some(({ inbox }) => inbox) || request.restore === true
    this.#floor = this.#stagedFrom = position === undefined || hasInbox ? undefined : snapshotOf(position)
  }

  attached({ subscriptions }: Answered): void {
    this.#answered = subscriptions
  }

  unsubscribe(id: string): void {
    this.#left.add(id)
  }

  /** @param isExpected whether the schedule has given a reason for such a reset */
  given(message: Given, isExpected: (reason: ResetReason) => boolean): void {
    switch (message.message) {
      case 'batch':
        return this.#batch(message)
      case 'progress':
        return this.#progress(message.to)
      case 'snapshot':
        return this.#snapshot(message)
      case 'reset':
        this.#counts.resets[message.reason]++
        this.#wasReset = true
        this.#floor = undefined
        if (!isExpected(message.reason))
          this.#add('reset', `reset (${message.reason}) though nothing had happened that leads to it`)
        return
      case 'catch_up':
        this.#wasBehind = true
        if (this.#isStaging) this.#floor = this.#stagedFrom
        else this.#stagedFrom = this.#floor
        this.#isStaging = true
        this.#messages.clear() // what was void may come again under the same name
        return
      case 'ended':
        return this.#add('reset', `subscription ${message.subscription} was ended: ${message.code}`)
      case 'leave':
        return
    }
  }

  #batch({ to, part, transactions }: Given & { readonly message: 'batch' }): void {
    this.#counts.batches++
    this.#counts.deliveries += transactions.length
    const name = `${part ?? ''} ${to}`
    if (this.#messages.has(name)) {
      this.#counts.repeatedBatches++
      return
    }
    this.#messages.add(name)
    const snapshot = snapshotOf(to)
    // The parts of a batch have one floor.
    const floor = this.#last?.to === to ? this.#last.floor : this.#floor
    this.#last = { to, floor }
    for (const xid of transactions) {
      this.#came.add(xid)
      const number = Number(xid)
      if (!sees(snapshot, number)) this.#add('early', `transaction ${xid} was sent, which ${to} does not see`)
      else if (floor && floor.epoch === snapshot.epoch && sees(floor, number))
        this.#add('twice', `transaction ${xid} was sent with ${to}, though it had been before`)
    }
    this.#floor = snapshot
  }

  #progress(to: Position): void {
    if (this.#isStaging && this.#attach?.position !== undefined && !this.#wasReset)
      this.#complete(this.#attach, snapshotOf(to))
    this.#isStaging = false
    this.#attach = undefined
    this.#floor = this.#stagedFrom = snapshotOf(to)
  }

  /** The first `progress` after a resume: everything that was missed has been sent. */
  #complete({ position, subscriptions }: Attach, to: Snapshot): void {
    const from = snapshotOf(position as Position)
    const relations = new Set(
      subscriptions.flatMap(({ subscription, held }, i) => {
        const isLeft = this.#left.has(this.#answered[i]?.id ?? '')
        return held !== undefined && !isLeft && isWhole(subscription)
          ? [qualified(subscription.relation)]
          : []
      }),
    )
    if (relations.size === 0 || from.epoch !== to.epoch) return
    this.#counts.resumesChecked += relations.size
    for (const transaction of this.#truth.between(from, to))
      if (
        !this.#came.has(transaction.xid) &&
        transaction.writes.some(({ relation }) => relations.has(relation))
      )
        this.#add('lost', `transaction ${transaction.xid} was not sent on resuming from ${position}`)
  }

  #snapshot({ subscription: id, done }: Given & { readonly message: 'snapshot' }): void {
    if (!done) return
    this.#counts.snapshots++
    const { subscriptions, position } = this.#attach ?? {}
    if (!subscriptions || position === undefined || this.#wasReset || this.#wasBehind) return
    if (this.#left.has(id)) return
    const asked = subscriptions[this.#answered.findIndex((answer) => answer.id === id)]
    if (asked?.held !== undefined && isContinued(asked.subscription))
      this.#add('reset', `${id} was read afresh though it was held at ${position}`)
  }

  #add(kind: 'lost' | 'twice' | 'early' | 'reset', message: string): void {
    this.#findings.add(kind, { client: this.#client }, message)
  }
}

/** All changes of the relation concern it. */
export function isWhole(subscription: Subscription): boolean {
  return subscription.kind === 'table' && !hasOrder(subscription) && subscription.where === undefined
}

/** The log alone goes on with it: it has no filter, order or limit. */
function isContinued(subscription: Subscription): boolean {
  return subscription.kind !== 'table' || isWhole(subscription)
}
