import { Counter, Gauge, Registry } from 'prom-client'
import type { ErrorCode } from '../shared/errors.ts'

/** Why the server has ended a connection by its own doing. */
export type OffenceReason =
  'invalid_messages' | 'invalid_packet' | 'message_too_large' | 'too_fast' | 'too_many_bytes' | 'not_attached'

/** Why somebody was not let in. */
export type RefusalReason = 'closing' | 'origin' | ErrorCode

/** What a server counts of itself, in a registry of its own: several servers may run in one process. */
export class Metrics {
  readonly registry = new Registry()

  readonly #refusedConnections = this.#counter(
    'rowcast_refused_connections_total',
    'Clients that were not let in',
    'reason',
  )
  readonly #endedConnections = this.#counter(
    'rowcast_ended_connections_total',
    'Connections ended because of what their client did',
    'reason',
  )
  readonly #refusedMessages = this.#counter(
    'rowcast_refused_messages_total',
    'Messages answered with an error',
    'code',
  )
  readonly #endedSubscriptions = this.#counter(
    'rowcast_ended_subscriptions_total',
    'Subscriptions that the server has ended',
    'code',
  )

  connectionRefused(reason: RefusalReason): void {
    this.#refusedConnections.inc({ reason })
  }

  connectionEnded(reason: OffenceReason): void {
    this.#endedConnections.inc({ reason })
  }

  messageRefused(code: ErrorCode): void {
    this.#refusedMessages.inc({ code })
  }

  subscriptionEnded(code: ErrorCode): void {
    this.#endedSubscriptions.inc({ code })
  }

  /** Something that can be looked up whenever somebody wants to know. */
  watch(name: string, help: string, read: () => number): void {
    const gauge = new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read())
      },
    })
    this.registry.registerMetric(gauge)
  }

  #counter<L extends string>(name: string, help: string, label: L): Counter<L> {
    return new Counter({ name, help, labelNames: [label], registers: [this.registry] })
  }
}
