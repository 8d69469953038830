import type { Batch, Progress, Reset, Snapshot } from '../../shared/protocol.ts'
import type { SubscriptionId } from '../../shared/subscription.ts'

/** What is applied in order, and shown at commits. */
export type StagedMessage =
  | ({ readonly name: 'batch' } & Batch)
  | ({ readonly name: 'snapshot' } & Snapshot)
  | ({ readonly name: 'progress' } & Progress)
  | ({ readonly name: 'reset' } & Reset)

/** What has come while catching up, until all of it has come and is applied together. */
export class Stage {
  #messages: StagedMessage[] = []
  #batches = new Set<string>()
  /** Those of the last time. */
  #taken = new Set<string>()

  /** A batch, or a part of one, that has come already is not added. */
  add(message: StagedMessage): void {
    if (message.name === 'batch') {
      const batch = `${message.to} ${message.part ?? ''}`
      if (this.#batches.has(batch) || this.#taken.has(batch)) return
      this.#batches.add(batch)
    }
    this.#messages.push(message)
  }

  /** The server begins once more. That it cannot go on from where the client stands remains true. */
  startOver(): void {
    this.#messages = this.#messages.filter(({ name }) => name === 'reset')
    this.#batches.clear()
  }

  /** The rows that have come for a subscription are no longer those that it will have. */
  forget(id: SubscriptionId): void {
    this.#messages = this.#messages.filter(
      (message) => message.name !== 'snapshot' || message.subscription !== id,
    )
  }

  /** Another connection begins. */
  clear(): void {
    this.#messages = []
    this.#batches.clear()
    this.#taken.clear()
  }

  /** Gives everything, in order, and lets go of each message as the next is taken: there may be a million rows. */
  *take(): Iterable<StagedMessage> {
    const messages = this.#messages.toReversed()
    this.#messages = []
    this.#taken = this.#batches
    this.#batches = new Set()
    for (let message = messages.pop(); message; message = messages.pop()) yield message
  }
}
