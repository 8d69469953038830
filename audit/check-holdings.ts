import { isDeepStrictEqual } from 'node:util'
import type { Row } from '../shared/change.ts'
import type { Predicate, Subscription } from '../shared/subscription.ts'
import { ActingAs } from './acting-as.ts'
import { identityText, type CheckParts } from './check-parts.ts'
import type { FaultKind, LeakKind } from './findings.ts'
import type { ClientRecords, Held, Holding } from './records.ts'
import { isOrdered, shown, sortedBy } from './reference.ts'
import type { Sight } from './sights.ts'
import type { AuditTable } from './tables.ts'

/** Compares what a client held at each position with what `select` returned there to its identity. */
export function checkHoldings(client: ClientRecords, parts: CheckParts): void {
  const acting = new ActingAs()
  for (const record of client.records) {
    acting.take(record)
    if (record.kind !== 'held' || acting.identities.length > 1) continue
    for (const holding of record.holdings) checkHolding(client, acting.identities[0], record, holding, parts)
  }
}

function checkHolding(
  client: ClientRecords,
  identity: number,
  { at, position, isAtRest }: Held & { at: number },
  { subscription, result }: Holding,
  { history, identities, tables, graceMs, counts, findings }: CheckParts,
): void {
  const index = history.indexAt(position)
  const found = (kind: LeakKind | FaultKind, message: string): void =>
    findings.add({
      kind,
      client: client.name,
      identity: identityText(identities[identity]!),
      message: `${JSON.stringify(subscription)} at ${position}: ${message}`,
      commit: history.commits[index]?.what ?? '',
    })

  const table = tables.find(({ relation }) => relation === subscription.relation)
  if (!table) {
    if (result.status === 'ready')
      return found(
        'shown',
        `it is a partition: of itself it has no log, and there is ${JSON.stringify(result.data)}`,
      )
    counts.refusals++
    return
  }
  if (result.status === 'error') {
    // Who has been refused stays so until it asks again: it is enough that he had to be refused then.
    const [first, last] = history.inForce(result.since - graceMs, result.since)
    for (let i = first; i <= last; i++)
      if (!isAllowed(subscription, table, history.sight(i, identity, table.relation))) {
        counts.refusals++
        return
      }
    return found('refused', `it has ended with ${result.code}, and PostgreSQL allows it`)
  }
  if (!isAtRest && history.changeOfRights(at, graceMs)) {
    counts.loose++
    return
  }
  counts.compared++
  const sight = history.sight(index, identity, table.relation)
  if (!sight || !isAllowed(subscription, table, sight))
    return found('shown', `PostgreSQL refuses it, and there is ${JSON.stringify(result.data)}`)
  const expected = shown(subscription, table, sight.rows)
  const held = comparable(subscription, table, result.data)
  if (isDeepStrictEqual(held, expected)) {
    if (sight.rows.size > 0) counts.comparedRows++
    return
  }
  const message = `expected ${JSON.stringify(expected)}, found ${JSON.stringify(held)}`
  found(isContained(held, expected) ? 'missing' : 'shown', message)
}

/** Whether PostgreSQL lets somebody with this sight ask for it, and say which rows these are. */
export function isAllowed(subscription: Subscription, { key }: AuditTable, sight: Sight): boolean {
  if (!sight?.hasKey) return false
  const needed = [...key]
  if (subscription.kind === 'column' || subscription.kind === 'field') needed.push(subscription.column)
  if (subscription.kind === 'table') {
    for (const { column } of subscription.orderBy ?? []) needed.push(column)
    if (subscription.where) needed.push(...columnsOf(subscription.where))
  }
  return needed.every((column) => sight.columns.has(column))
}

function columnsOf(predicate: Predicate): string[] {
  if ('and' in predicate) return predicate.and.flatMap(columnsOf)
  if ('or' in predicate) return predicate.or.flatMap(columnsOf)
  if ('not' in predicate) return columnsOf(predicate.not)
  return [predicate.column]
}

/** Where no order is promised none is compared. */
function comparable(subscription: Subscription, table: AuditTable, data: unknown): unknown {
  if (subscription.kind === 'field') return data ?? null
  if (subscription.kind === 'column')
    return Object.fromEntries(
      (data as { key: string; value: unknown }[]).map(({ key, value }) => [key, value]),
    )
  if (subscription.kind === 'table' && !isOrdered(subscription))
    return sortedBy(
      data as Row[],
      table.key.map((column) => ({ column, direction: 'asc' as const })),
    )
  return data
}

/** Whether all that is held is among what is expected: then something is missing, and nothing too much. */
function isContained(held: unknown, expected: unknown): boolean {
  if (held === null) return true
  if (Array.isArray(held) && Array.isArray(expected))
    return held.every((row) => expected.some((other) => isDeepStrictEqual(row, other)))
  if (typeof held === 'object' && typeof expected === 'object' && expected !== null && !Array.isArray(held))
    return Object.entries(held).every(([key, value]) =>
      isDeepStrictEqual(value, (expected as Record<string, unknown>)[key]),
    )
  return false
}
