import type { KeyText } from '../../shared/change.ts'
import type { Definition } from './definition.ts'
import type { Query } from './query.ts'

/**
 * One subscription, whoever shares it: all sessions that follow the same thing follow the same feed, so
 * that it is matched once and encoded once.
 *
 * @typeParam Follower whoever is to be given what the feed concerns
 */
export interface Feed<Follower = unknown> {
  /** Replaced when its relation changes its shape; the id stays. */
  definition: Definition
  readonly followers: Set<Follower>
  /** Of a filtered, ordered or limited table: the rows that its followers hold. */
  readonly window: Window | null
}

/** The rows that a query shows, in its order if it has one. */
export interface Window {
  readonly query: Query
  keys: ReadonlySet<KeyText>
}
