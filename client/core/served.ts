import type { SubscriptionId } from '../../shared/subscription.ts'
import type { Interest } from './subscriptions.ts'

/** Which interests of the page each of the server's subscriptions serves, and which subscriptions serve none any more. */
export class Served {
  #interests = new Map<SubscriptionId, Set<Interest>>()
  readonly #unused = new Set<SubscriptionId>()

  get ids(): Iterable<SubscriptionId> {
    return this.#interests.keys()
  }

  has(id: SubscriptionId): boolean {
    return this.#interests.has(id)
  }

  of(id: SubscriptionId): Iterable<Interest> {
    return this.#interests.get(id) ?? []
  }

  add(id: SubscriptionId, interest: Interest): void {
    const interests = this.#interests.get(id)
    if (interests) interests.add(interest)
    else this.#interests.set(id, new Set([interest]))
  }

  /** Takes an interest off what serves it. */
  remove(interest: Interest): void {
    const id = interest.holding?.id
    const interests = id === undefined ? undefined : this.#interests.get(id)
    if (id === undefined || !interests?.delete(interest) || interests.size > 0) return
    this.#interests.delete(id)
    this.#unused.add(id)
  }

  /** The server has ended it. */
  delete(id: SubscriptionId): void {
    this.#interests.delete(id)
  }

  /** The server has it, and nobody here wants it. */
  spare(id: SubscriptionId): void {
    if (!this.has(id)) this.#unused.add(id)
  }

  /** The server serves nothing but what `answer` adds: with a new connection it begins anew. */
  replace(answer: () => void): void {
    const before = this.#interests
    this.#interests = new Map()
    answer()
    for (const id of before.keys()) this.spare(id)
  }

  /** What serves nobody now, each told once. */
  takeUnused(): SubscriptionId[] {
    const unused = [...this.#unused].filter((id) => !this.has(id))
    this.#unused.clear()
    return unused
  }
}
