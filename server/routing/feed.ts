import type { KeyText } from '../../shared/change.ts'
import type { Definition } from './definition.ts'
import type { Query } from './query.ts'

/**
 * One subscription, whoever shares it: all who follow the same thing, and see the same of it, follow the
 * same feed, so that it is matched once and encoded once.
 *
 * @typeParam Follower whoever is to be given what the feed concerns
 */
export interface Feed<Follower = unknown> {
  readonly definition: Definition
  readonly followers: Set<Follower>
  /** Of what does not show all rows to everybody: which rows its followers hold. */
  readonly window: Window | null
}

/** The rows that a feed shows: as a query selects them, in its order if it has one, and as far as row security lets them be seen. */
export interface Window {
  readonly query: Query | null
  /** Altered in place, when what a batch means has been sent. */
  readonly keys: Set<KeyText>
}
