import type { Value } from '../shared/change.ts'
import type { Predicate, Subscription } from '../shared/subscription.ts'
import type { Random } from './random.ts'
import { ids, tableOrPartition, teams, users, type AuditColumn, type AuditTable } from './tables.ts'

/**
 * Something to follow, of every kind. Columns that the identity may not read are among what is asked for, and so are partitions,
 * which nobody can follow.
 */
export function randomSubscription(random: Random, table: AuditTable): Subscription {
  const { relation } = tableOrPartition(random, table, 0.1)
  const column = (): string => (random.pick(table.columns) as AuditColumn).name
  const key = (): Value[] => randomKey(random, table)
  switch (random.weighted({ table: 4, query: 5, column: 2, row: 3, field: 2 })) {
    case 'table':
      return { kind: 'table', relation }
    case 'column':
      return { kind: 'column', relation, column: column() }
    case 'row':
      return { kind: 'row', relation, key: key() }
    case 'field':
      return { kind: 'field', relation, key: key(), column: column() }
    case 'query':
      return {
        kind: 'table',
        relation,
        ...(random.chance(0.7) && { where: randomPredicate(random, table) }),
        ...(random.chance(0.5) && {
          orderBy: [{ column: column(), direction: random.pick(['asc', 'desc'] as const) }],
        }),
        ...(random.chance(0.4) && { limit: random.int(1, 4) }),
      }
  }
}

export function randomKey(random: Random, table: AuditTable): Value[] {
  return table.key.map((name) => {
    const column = table.columns.find((one) => one.name === name)
    return column ? valueFor(random, column) : null
  })
}

/** A value for a column that policies read; for mere content, text that matches nothing. */
export function valueFor(random: Random, { type, means }: AuditColumn): Value {
  if (means === 'owner') return random.pick(users)
  if (means === 'team') return random.pick(teams)
  if (means === 'level') return random.int(0, 5)
  if (type === 'boolean') return random.chance(0.4)
  return type === 'integer' ? random.int(1, ids) : 'nothing'
}

function randomPredicate(random: Random, table: AuditTable): Predicate {
  const condition = (): Predicate => {
    const column = random.pick(table.columns) as AuditColumn
    if (random.chance(0.2)) return { column: column.name, op: 'is_null', value: random.chance(0.3) }
    const op =
      column.type === 'integer'
        ? random.pick(['eq', 'ne', 'lt', 'gte'] as const)
        : random.pick(['eq', 'ne'] as const)
    return { column: column.name, op, value: valueFor(random, column) }
  }
  const form = random.int(0, 5)
  if (form === 0) return { or: [condition(), condition()] }
  if (form === 1) return { and: [condition(), condition()] }
  if (form === 2) return { not: condition() }
  return condition()
}
