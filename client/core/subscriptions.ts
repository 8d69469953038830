import type { RowcastError } from '../../shared/errors.ts'
import type { Subscription } from '../../shared/subscription.ts'
import { textOf } from './definition.ts'
import type { Holding } from './holding.ts'
import { Recording, type RecordListener } from './recording.ts'
import { loading, type Result } from './result.ts'

const ready: Result<undefined> = { status: 'ready', data: undefined }

/** Something that the page follows, however many components do. */
export class Interest {
  readonly subscription: Subscription
  readonly listeners = new Set<() => void>()
  /** While somebody listens to the changes themselves. */
  recording: Recording | undefined
  users = 0
  /** It is followed though nobody uses it: the session did, wherever it was used before. */
  isKept = false
  graceTimer: ReturnType<typeof setTimeout> | undefined
  /** Resolves when it is no longer loading. */
  settled: Promise<void> | undefined
  #holding: Holding | undefined
  #refused: Result<never> | undefined

  constructor(subscription: Subscription) {
    this.subscription = subscription
  }

  get holding(): Holding | undefined {
    return this.#holding
  }

  get result(): Result<unknown> {
    return this.#refused ?? this.#holding?.result ?? loading
  }

  /** The result, spared the making of its data. */
  get state(): Result<undefined> {
    return this.#refused ?? (this.#holding?.isReady ? ready : loading)
  }

  /** From now on it shows what the holding holds. */
  bind(holding: Holding): void {
    this.#holding = holding
    this.#refused = undefined
  }

  /** From now on it shows that the server will not have it. */
  refuse(error: RowcastError): void {
    this.#holding = undefined
    this.#refused = { status: 'error', error }
  }

  notify(): void {
    for (const listener of [...this.listeners]) listener()
  }
}

/** Told what the page begins and ceases to follow. */
export interface InterestObserver {
  begun(interest: Interest): void
  ceased(interest: Interest): void
  recorded(interest: Interest): void
}

/**
 * Counts who follows what. Many components share one subscription, and it is kept for a grace time
 * after the last one has gone: a page that is left and come back to, or a component that React mounts
 * twice, asks the server for nothing.
 */
export class Subscriptions implements Iterable<Interest> {
  readonly #interests = new Map<string, Interest>()
  readonly #graceMs: number
  readonly #observer: InterestObserver

  constructor(graceMs: number, observer: InterestObserver) {
    this.#graceMs = graceMs
    this.#observer = observer
  }

  [Symbol.iterator](): Iterator<Interest> {
    return this.#interests.values()
  }

  /** Whether this is still followed, or in its grace time. */
  has(interest: Interest): boolean {
    return this.#interests.get(textOf(interest.subscription)) === interest
  }

  /** What is known of a subscription, without following it. */
  resultOf(text: string): Result<unknown> {
    return this.#interests.get(text)?.result ?? loading
  }

  /** Whether anything is known of a subscription, without making its data. */
  stateOf(text: string): Result<undefined> {
    return this.#interests.get(text)?.state ?? loading
  }

  /** Follows a subscription until the returned function is called. */
  listen(text: string, subscription: Subscription, listener: () => void): () => void {
    const interest = this.#retain(text, subscription)
    // a wrapper of its own: the same function may listen twice
    const own = (): void => listener()
    interest.listeners.add(own)
    return once(() => {
      interest.listeners.delete(own)
      this.#release(text, interest)
    })
  }

  /** Follows a subscription, and hands on the atoms of change that reach it: of each commit so many of the last. */
  record(text: string, subscription: Subscription, recorder: RecordListener, last = Infinity): () => void {
    const interest = this.#retain(text, subscription)
    const recording = (interest.recording ??= new Recording())
    recording.listeners.set(recorder, last)
    this.#observer.recorded(interest)
    return once(() => {
      recording.listeners.delete(recorder)
      // what is on its way from the inbox comes but once: who comes back in a moment gets it
      if (recording.listeners.size === 0 && !recording.awaitsInbox) interest.recording = undefined
      this.#observer.recorded(interest)
      this.#release(text, interest)
    })
  }

  /** Follows a subscription until something is known of it, and for the grace time after. */
  settle(text: string, subscription: Subscription): Promise<void> {
    const known = this.#interests.get(text)
    if (known?.settled) return known.settled
    const settled = new Promise<void>((resolve) => {
      const stop = this.listen(text, subscription, check)
      const isLoading = (): boolean => this.stateOf(text).status === 'loading'
      function check(): void {
        if (isLoading()) return
        resolve()
        stop()
      }
      check()
    })
    const interest = this.#interests.get(text)
    if (interest) interest.settled = settled
    return settled
  }

  /** Follows, without any user, what the server follows for the session already. */
  keep(subscription: Subscription): Interest {
    const text = textOf(subscription)
    let interest = this.#interests.get(text)
    if (!interest) {
      this.#interests.set(text, (interest = new Interest(subscription)))
      interest.isKept = true
    }
    return interest
  }

  /** Somebody uses by another name what was kept. */
  takeOver(interest: Interest): void {
    if (interest.isKept) this.#cease(textOf(interest.subscription), interest)
  }

  /** Ends all grace at once. What is followed stays. */
  clear(): void {
    for (const [text, interest] of this.#interests)
      if (interest.users === 0 && !interest.isKept) this.#cease(text, interest)
  }

  #retain(text: string, subscription: Subscription): Interest {
    let interest = this.#interests.get(text)
    const isNew = !interest
    if (!interest) this.#interests.set(text, (interest = new Interest(subscription)))
    interest.users++
    interest.isKept = false
    clearTimeout(interest.graceTimer)
    interest.graceTimer = undefined
    if (isNew) this.#observer.begun(interest)
    return interest
  }

  #release(text: string, interest: Interest): void {
    interest.users--
    if (interest.users > 0) return
    interest.graceTimer = setTimeout(() => this.#cease(text, interest), this.#graceMs)
  }

  #cease(text: string, interest: Interest): void {
    clearTimeout(interest.graceTimer)
    this.#interests.delete(text)
    this.#observer.ceased(interest)
  }
}

function once(work: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    work()
  }
}
