import { RowcastError } from '../../shared/errors.ts'
import { maxSubscriptions } from '../../shared/requests.ts'
import type { Predicate, Subscription } from '../../shared/subscription.ts'
import type { Value } from '../../shared/change.ts'

/**
 * What clients may ask for; beyond, they are answered with an error that names the limit, and nobody else notices.
 * An identity is a role and a claim `sub`, over all its connections to this server; connections without a `sub` are
 * counted one by one, since nobody can say who they are. `Infinity` takes a limit away.
 */
export interface Limits {
  /** Connections of one identity. Default: 100. */
  readonly connectionsPerIdentity: number
  /** What one session follows at a time; 10,000 at the most, which is what it can name when it comes back. Default: 2,000. */
  readonly subscriptionsPerSession: number
  /** What all sessions of an identity follow at a time. Default: 20,000. */
  readonly subscriptionsPerIdentity: number
  /**
   * Those among them that are asked again at every change of their table: filtered, ordered or limited, without an
   * equality (`channel_id: 5`) among the conditions. Default: 50.
   */
  readonly scansPerSession: number
  /** The same for an identity. Default: 200. */
  readonly scansPerIdentity: number
  /** Conditions of one filter, all together. Default: 200. */
  readonly conditionsPerFilter: number
  /** Values of one filter, those in lists included. Default: 2,000. */
  readonly valuesPerFilter: number
  /** Rows that a subscription shows when it begins or begins afresh. Default: 100,000. */
  readonly rowsPerSubscription: number
  /** Characters of these rows. Default: 100 million. */
  readonly bytesPerSubscription: number
  /**
   * Rows of which the server keeps account for what a session follows: those that filters, orders, limits or row security
   * choose for it. Default: 200,000.
   */
  readonly keptRowsPerSession: number
  /** The same for an identity. Default: 1 million. */
  readonly keptRowsPerIdentity: number
  /**
   * So many milliseconds PostgreSQL may take to find what a subscription shows when it begins, or all together that a page
   * shows that comes back, or to read a piece of it: those who wait for the same place in the history wait for it. Default: 5,000.
   */
  readonly queryMs: number
  /** Messages of a connection, in the long run; an `attach` counts once, and once for each of its subscriptions. Default: 100. */
  readonly messagesPerSecond: number
  /** So many may come at once before that counts. Default: 3,000. */
  readonly messagesAtOnce: number
  /** Messages of an identity, in the long run. Default: 500. */
  readonly messagesPerSecondPerIdentity: number
  /** So many may come at once before that counts. Default: 20,000. */
  readonly messagesAtOncePerIdentity: number
  /** Requests of a connection that await their answer. Default: 3,000. */
  readonly pendingRequests: number
  /** Bytes of one message: the connection of a larger one is ended. Default: 1 million. */
  readonly messageBytes: number
  /** Characters that a connection sends, in the long run; ten times as many at once. Beyond, it is ended. Default: 500,000. */
  readonly bytesPerSecond: number
  /** Characters that an identity sends, in the same way. Beyond, the connection that they come over is ended. Default: 2.5 million. */
  readonly bytesPerSecondPerIdentity: number
  /** Messages in a row that make no sense, after which the connection is ended. Default: 100. */
  readonly invalidMessages: number
  /** A connection that has not attached within so many milliseconds is ended. Default: 30,000. */
  readonly attachWithinMs: number
}

const defaults: Limits = {
  connectionsPerIdentity: 100,
  subscriptionsPerSession: 2_000,
  subscriptionsPerIdentity: 20_000,
  scansPerSession: 50,
  scansPerIdentity: 200,
  conditionsPerFilter: 200,
  valuesPerFilter: 2_000,
  rowsPerSubscription: 100_000,
  bytesPerSubscription: 100_000_000,
  keptRowsPerSession: 200_000,
  keptRowsPerIdentity: 1_000_000,
  queryMs: 5_000,
  messagesPerSecond: 100,
  messagesAtOnce: 3_000,
  messagesPerSecondPerIdentity: 500,
  messagesAtOncePerIdentity: 20_000,
  pendingRequests: 3_000,
  messageBytes: 1_000_000,
  bytesPerSecond: 500_000,
  bytesPerSecondPerIdentity: 2_500_000,
  invalidMessages: 100,
  attachWithinMs: 30_000,
}

/** @throws if one is unknown, or no number from 1 up */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaults, name))
      throw new Error(`there is no limits.${name}; there are ${Object.keys(defaults).join(', ')}`)
    if (value !== undefined && !(value >= 1))
      throw new Error(`limits.${name} is ${value}: it must be 1 at least; Infinity takes it away`)
  }
  const set = Object.entries(given).filter(([, value]) => value !== undefined)
  const limits: Limits = { ...defaults, ...Object.fromEntries(set) }
  return {
    ...limits,
    subscriptionsPerSession: Math.min(limits.subscriptionsPerSession, maxSubscriptions),
  }
}

/** @throws {RowcastError} `limit_exceeded` if a filter has more conditions or values than it may */
export function checkFilter(subscription: Subscription, limits: Limits): void {
  if (subscription.kind !== 'table' || !subscription.where) return
  const { conditions, values } = sizeOf(subscription.where)
  checkSize('conditions', conditions, 'conditionsPerFilter', limits)
  checkSize('values', values, 'valuesPerFilter', limits)
}

function checkSize(what: string, size: number, limit: keyof Limits, limits: Limits): void {
  if (size > limits[limit])
    throw new RowcastError(
      'limit_exceeded',
      `a filter may have ${limits[limit]} ${what} (limits.${limit}), and this one has ${size}: ask for less at once`,
    )
}

function sizeOf(predicate: Predicate): { conditions: number; values: number } {
  if ('value' in predicate) return { conditions: 1, values: valuesIn(predicate.value) }
  const parts = 'and' in predicate ? predicate.and : 'or' in predicate ? predicate.or : [predicate.not]
  const sizes = parts.map(sizeOf)
  return {
    conditions: sizes.reduce((sum, size) => sum + size.conditions, 0),
    values: sizes.reduce((sum, size) => sum + size.values, 0),
  }
}

function valuesIn(value: Value): number {
  return Array.isArray(value) ? value.reduce((sum: number, each) => sum + valuesIn(each), 0) : 1
}
