import type { Subscription } from '../../shared/subscription.ts'
import { loading, type Result } from './result.ts'
import type { Subscriptions } from './subscriptions.ts'

/** Something to follow. It costs nothing until it is subscribed to. Fits `useSyncExternalStore`. */
export interface Followed<T> {
  /** Follows until the returned function is called; `listener` is told after each change. */
  subscribe(listener: () => void): () => void
  /** What is known now: the same object until something of it changes. `loading` while nobody follows it. */
  getSnapshot(): Result<T>
  /** Always `loading`: a server renders no rows. */
  getServerSnapshot(): Result<T>
  /** Follows it until something is known, and for the grace time after. */
  settle(): Promise<void>
}

export interface FollowedParts {
  readonly subscription: Subscription
  readonly text: string
  readonly subscriptions: Subscriptions
  /** Called with every beginning. */
  readonly connect: () => unknown
}

export function follow<T>({ subscription, text, subscriptions, connect }: FollowedParts): Followed<T> {
  return {
    subscribe(listener) {
      connect()
      return subscriptions.listen(text, subscription, listener)
    },
    // what the server sends is taken to be of the types that the application declares
    getSnapshot: () => subscriptions.resultOf(text) as Result<T>,
    getServerSnapshot: () => loading,
    settle() {
      connect()
      return subscriptions.settle(text, subscription)
    },
  }
}
