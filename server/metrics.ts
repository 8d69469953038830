import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ErrorCode } from '../shared/errors.ts'
import type { ServerToClientEvents } from '../shared/protocol.ts'
import type { Pass } from './log/log-reader.ts'

/** Why the server has ended a connection by its own doing. */
export type OffenceReason =
  'invalid_messages' | 'invalid_packet' | 'message_too_large' | 'too_fast' | 'too_many_bytes' | 'not_attached'

/** Why somebody was not let in. */
export type RefusalReason = 'closing' | 'origin' | ErrorCode

/** A figure that can be looked up, or several by the values of a label. */
export type Reading = number | Readonly<Record<string, number>>

const lagBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/**
 * What a server counts of itself, in a registry of its own: several servers may run in one process. docs/metrics.md lists
 * it for those who run one.
 *
 * What is on the way of a change is counted once for a batch, and once for all sockets that get the same message.
 */
export class Metrics {
  readonly registry = new Registry()

  readonly #batches = this.#counter(
    'rowcast_batches_total',
    'Passes over the change log that found something',
  )
  readonly #transactions = this.#counter(
    'rowcast_transactions_total',
    'Transactions read from the change log, of what is followed here',
  )
  readonly #changes = this.#counter(
    'rowcast_changes_total',
    'Changes read from the change log, of what is followed here',
  )
  readonly #setAside = this.#counter(
    'rowcast_relations_set_aside_total',
    'Times that too much of a relation had changed at once: who follows it has caught up with it in pieces',
  )
  readonly #passSeconds = this.#histogram(
    'rowcast_pass_seconds',
    'From the moment at which the change log was read until all that was found had been handed to the sockets',
  )
  readonly #lagSeconds = this.#histogram(
    'rowcast_lag_seconds',
    "Age of a batch's oldest change when it had been handed to the sockets, since its transaction began",
  )
  readonly #passFailures = this.#counter(
    'rowcast_pass_failures_total',
    'Passes that failed, and were repeated: the database was away, or could not be read',
  )
  readonly #deliveries = this.#counter(
    'rowcast_deliveries_total',
    'Messages handed to sockets: one for each socket that gets it',
    'message',
  )
  readonly #sentBytes = this.#counter(
    'rowcast_sent_bytes_total',
    'Bytes of the messages handed to sockets',
    'message',
  )
  readonly #fallenBehind = this.#counter(
    'rowcast_fallen_behind_total',
    'Times that a connection was taken off the live stream, to be given later what it missed meanwhile',
  )
  readonly #snapshotSeconds = this.#histogram(
    'rowcast_snapshot_seconds',
    'To read the rows of one subscription and hand them to all who wait for them',
  )
  readonly #snapshotRows = this.#counter('rowcast_snapshot_rows_total', 'Rows read for snapshots')
  readonly #snapshotFailures = this.#counter(
    'rowcast_snapshot_failures_total',
    'Snapshots, and pieces of the log for who comes back, that could not be read',
  )
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
  readonly #sent = new Map<keyof ServerToClientEvents, Sent>()

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

  /** A pass has been handed on. */
  handedOn({ startedAt, transactions, heavy }: Pick<Pass, 'startedAt' | 'transactions' | 'heavy'>): void {
    if (transactions.length === 0 && heavy.length === 0) return
    this.#batches.inc()
    this.#passSeconds.observe((performance.now() - startedAt) / 1000)
    this.#setAside.inc(heavy.length)
    if (transactions.length === 0) return
    this.#transactions.inc(transactions.length)
    this.#changes.inc(transactions.reduce((sum, { rows }) => sum + rows.length, 0))
    const oldestAt = transactions.reduce((oldest, { at }) => (at < oldest ? at : oldest), '9')
    this.#lagSeconds.observe(Math.max(0, Date.now() - Date.parse(oldestAt)) / 1000)
  }

  passFailed(): void {
    this.#passFailures.inc()
  }

  /** A message has been handed to so many sockets. */
  sent(message: keyof ServerToClientEvents, sockets: number, bytes: number): void {
    let of = this.#sent.get(message)
    if (!of) {
      of = { deliveries: this.#deliveries.labels(message), bytes: this.#sentBytes.labels(message) }
      this.#sent.set(message, of)
    }
    of.deliveries.inc(sockets)
    of.bytes.inc(sockets * bytes)
  }

  fellBehind(): void {
    this.#fallenBehind.inc()
  }

  snapshotRead(rows: number, ms: number): void {
    this.#snapshotRows.inc(rows)
    this.#snapshotSeconds.observe(ms / 1000)
  }

  snapshotFailed(): void {
    this.#snapshotFailures.inc()
  }

  /** Something that can be looked up whenever somebody wants to know: by a label if it is given. */
  watch(
    name: string,
    help: string,
    read: () => Reading,
    { label, ofWorkers = 'sum' }: { label?: string; ofWorkers?: 'sum' | 'min' | 'max' } = {},
  ): void {
    const gauge = new Gauge({
      name,
      help,
      aggregator: ofWorkers,
      labelNames: label === undefined ? [] : [label],
      registers: [],
      collect() {
        const reading = read()
        if (typeof reading === 'number') this.set(reading)
        else for (const [value, figure] of Object.entries(reading)) this.set({ [label ?? '']: value }, figure)
      },
    })
    this.registry.registerMetric(gauge)
  }

  #counter<L extends string = never>(name: string, help: string, label?: L): Counter<L> {
    const labelNames = label === undefined ? [] : [label]
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, buckets: lagBuckets, registers: [this.registry] })
  }
}

/** What has been sent of one kind of message. */
interface Sent {
  readonly deliveries: Counter.Internal
  readonly bytes: Counter.Internal
}
