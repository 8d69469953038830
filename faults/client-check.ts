import type { Position } from '../shared/position.ts'
import type { ResetReason } from '../shared/protocol.ts'
import type { Subscription } from '../shared/subscription.ts'
import { ConnectionCheck, isWhole, type ConnectionCounts } from './connection-check.ts'
import type { Findings } from './findings.ts'
import { RecorderCheck } from './recorder-check.ts'
import type { Applied, Asked, Ended, FaultRecord, Given, Rendered, Statement, Subscribed } from './records.ts'
import type { Observation, Shown } from './state-check.ts'
import { isAtOrAfter, snapshotOf, type Truth } from './truth.ts'

export interface ClientCounts extends ConnectionCounts {
  pages: number
  connections: number
  commits: number
  renders: number
  /** Changes that recorders of whole tables were handed. */
  recorded: number
  /** The longest time from a writer's knowing of its commit to a store's showing it. */
  longestDelayMs: number
}

interface Followed {
  readonly subscription: Subscription
  readonly text: string
  readonly isRecorded: boolean
  readonly recorder: RecorderCheck | undefined
  /** What it showed last in the store. */
  shown: Shown | undefined
  /** It has been read afresh since the last commit: what a recorder was not handed is in the snapshot. */
  wasRead: boolean
}

type ClientRecord = Extract<FaultRecord, { client: string }>

/** What one client still follows at the end, and what it held. */
export interface Ending {
  readonly client: string
  readonly followed: ReadonlyMap<string, Subscription>
  readonly ended: Ended | undefined
}

/**
 * Goes through what happened to one client, page after page: its positions never go back, what it holds does not
 * vanish, and its recorders and connections are judged on the way. What it showed is handed on.
 */
export class ClientCheck {
  readonly #client: string
  readonly #truth: Truth
  readonly #findings: Findings
  readonly #counts: ClientCounts
  readonly #isExpected: (reason: string, at: number) => boolean
  readonly observations: Observation[] = []
  #followed = new Map<string, Followed>()
  #connections = new Map<number, ConnectionCheck>()
  #position: Position | undefined
  #rendered: Position | undefined
  /** Where the page before was, if this one goes on with its session. */
  #before: Position | undefined
  /** Of the last commit since its session began. */
  #reached: Position | undefined
  #attach: (Asked & { readonly request: 'attach' }) | undefined
  /** Since the last commit, on the present connection. */
  #resets = new Set<ResetReason>()
  /** The names of the server's ids. */
  #ids = new Map<string, Subscription>()
  #ended: Ended | undefined

  constructor(
    client: string,
    truth: Truth,
    findings: Findings,
    counts: ClientCounts,
    isExpected: (reason: string, at: number) => boolean,
  ) {
    this.#client = client
    this.#truth = truth
    this.#findings = findings
    this.#counts = counts
    this.#isExpected = isExpected
  }

  take(record: ClientRecord): void {
    switch (record.kind) {
      case 'begun':
        return this.#begin(record.isResumed)
      case 'subscribed':
        return this.#subscribe(record)
      case 'unsubscribed':
        this.#end(this.#followed.get(record.name))
        this.#followed.delete(record.name)
        return
      case 'asked':
        if (record.request === 'attach') {
          this.#attach = record
          this.#resets.clear()
          for (const followed of this.#followed.values()) followed.wasRead = false
          this.#connection(record.connection).attach(record)
        } else if (record.request === 'unsubscribe')
          this.#connection(record.connection).unsubscribe(record.id)
        return
      case 'answered':
        if (record.code !== undefined && !this.#isExpected(record.code, record.at))
          this.#findings.add(
            'error',
            { client: this.#client },
            `${record.request} was refused: ${record.code}`,
          )
        if (record.request === 'attach') this.#connection(record.connection).attached(record)
        if (record.code === 'session_not_found') this.#reached = undefined
        for (const { id, subscription } of record.subscriptions)
          if (id !== null) this.#ids.set(id, subscription)
        return
      case 'given':
        return this.#given(record, record.at)
      case 'applied':
        return this.#applied(record, record.at)
      case 'recorded':
        return this.#followed.get(record.name)?.recorder?.take(record)
      case 'rendered':
        return this.#render(record)
      case 'connection':
        return
      case 'reported':
        if (record.code !== 'disconnected' && !this.#isExpected(record.code, record.at))
          this.#findings.add('error', { client: this.#client }, `${record.code}: ${record.message}`)
        return
      case 'ended':
        this.#ended = record
        return
    }
  }

  /** All records have been taken. */
  close(): Ending {
    for (const followed of this.#followed.values()) this.#end(followed)
    return {
      client: this.#client,
      followed: new Map(
        [...this.#followed].flatMap(([name, { subscription, isRecorded, shown }]) =>
          isRecorded && !shown ? [] : [[name, subscription] as const],
        ),
      ),
      ended: this.#ended,
    }
  }

  #begin(isResumed: boolean): void {
    for (const followed of this.#followed.values()) this.#end(followed)
    this.#counts.pages++
    this.#followed = new Map()
    if (!isResumed) this.#reached = undefined
    this.#before = this.#reached
    this.#rendered = undefined
    this.#resets.clear()
    this.#ended = undefined
  }

  #end(followed: Followed | undefined): void {
    if (!followed?.recorder) return
    followed.recorder.settle()
    this.#counts.recorded += followed.recorder.changes
  }

  #subscribe({ name, subscription, isRecorded }: Subscribed): void {
    const recorder =
      isRecorded && isWhole(subscription)
        ? new RecorderCheck(
            {
              client: this.#client,
              name,
              relation: this.#truth.spec(subscription.relation).relation,
              before: this.#before,
            },
            this.#truth,
            this.#findings,
          )
        : undefined
    const text = JSON.stringify(subscription)
    this.#followed.set(name, { subscription, text, isRecorded, recorder, shown: undefined, wasRead: false })
  }

  #connection(number: number): ConnectionCheck {
    let connection = this.#connections.get(number)
    if (!connection) {
      this.#counts.connections++
      connection = new ConnectionCheck(this.#client, this.#truth, this.#findings, this.#counts)
      this.#connections.set(number, connection)
    }
    return connection
  }

  #given(message: Given, at: number): void {
    if (message.message === 'reset') this.#resets.add(message.reason)
    if (message.message === 'snapshot' && message.done) {
      const read = JSON.stringify(this.#ids.get(message.subscription))
      for (const followed of this.#followed.values()) if (followed.text === read) followed.wasRead = true
    }
    this.#connection(message.connection).given(message, (reason) => this.#isExpected(reason, at))
  }

  #applied({ position, held }: Applied, at: number): void {
    this.#counts.commits++
    // Something that is held already is followed under another name: no message has been applied.
    const isWhereItWas = position === this.#position
    this.#advance(position, at)
    for (const [name, found] of Object.entries(held)) {
      const followed = this.#followed.get(name)
      if (followed) followed.shown = shownOf(name, followed, found)
    }
    const shown = [...this.#followed.values()].flatMap((followed) => followed.shown ?? [])
    this.observations.push({ client: this.#client, position, shown })
    const ready = new Set(shown.map(({ text }) => text))
    const inbox = new Set(
      this.#attach?.subscriptions
        .filter((asked) => asked.inbox)
        .map((asked) => JSON.stringify(asked.subscription)),
    )
    for (const followed of this.#followed.values()) {
      const { text, recorder, wasRead } = followed
      if (!ready.has(text) || (isWhereItWas && recorder?.isBegun !== false)) continue
      recorder?.commit(position, { hasInbox: inbox.has(text), wasRead })
      followed.wasRead = false
    }
    if (!isWhereItWas) this.#resets.clear()
  }

  #advance(position: Position, at: number): void {
    const last = this.#position
    this.#position = this.#reached = position
    if (last === undefined || last === position) return
    const [before, after] = [snapshotOf(last), snapshotOf(position)]
    if (before.epoch !== after.epoch) {
      // Who does not say where it was is not told that it cannot go on from there.
      if (this.#resets.has('epoch_changed') || this.#attach?.position === undefined) return
      this.#findings.add(
        'backwards',
        { client: this.#client, position },
        `another epoch than ${last}, without a reset`,
      )
      return
    }
    if (!isAtOrAfter(after, before))
      this.#findings.add('backwards', { client: this.#client, position }, `came after ${last}`)
    for (const transaction of this.#truth.between(before, after))
      this.#counts.longestDelayMs = Math.max(this.#counts.longestDelayMs, at - transaction.at)
  }

  #render({ position, shown }: Rendered): void {
    this.#counts.renders++
    const last = this.#rendered
    this.#rendered = position
    const [before, after] = [snapshotOf(last ?? position), snapshotOf(position)]
    if (before.epoch === after.epoch && !isAtOrAfter(after, before))
      this.#findings.add('backwards', { client: this.#client, position }, `rendered after ${last}`)
    this.observations.push({
      client: this.#client,
      position,
      shown: Object.entries(shown).flatMap(([name, found]) => {
        const followed = this.#followed.get(name)
        return followed ? [shownOf(name, followed, found)] : []
      }),
    })
  }
}

function shownOf(name: string, { subscription, text }: Followed, found: Statement): Shown {
  return { name, subscription, text, found }
}
