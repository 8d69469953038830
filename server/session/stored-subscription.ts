import type { Value } from '../../shared/change.ts'
import type { Order, Predicate, Subscription, SubscriptionId } from '../../shared/subscription.ts'
import type { Definition } from '../routing/definition.ts'

/** A subscription as the database keeps it: a row of `event.subscription`. */
export interface SubscriptionRow {
  readonly id: SubscriptionId
  readonly kind: Subscription['kind']
  readonly relation_id: number
  readonly key: string | null
  readonly column_name: string | null
  readonly definition: { where: Predicate | null; orderBy: Order[]; limit: number | null } | null
}

export function toRow(definition: Definition): SubscriptionRow {
  const query = definition.kind === 'table' ? definition.query : null
  return {
    id: definition.id,
    kind: definition.kind,
    relation_id: definition.relation.id,
    key: 'key' in definition ? definition.key : null,
    column_name: 'column' in definition ? definition.column : null,
    definition: query && { where: query.where, orderBy: [...query.orderBy], limit: query.limit },
  }
}

/**
 * What one would ask for to follow the same: `define` gives it the same id.
 *
 * @param relation its name now, as SQL writes it
 */
export function fromRow(
  { kind, key, column_name: column, definition }: Omit<SubscriptionRow, 'id' | 'relation_id'>,
  relation: string,
): Subscription {
  const keyOf = () => JSON.parse(key ?? '[]') as Value[]
  switch (kind) {
    case 'table': {
      const { where, orderBy = [], limit } = definition ?? {}
      return {
        kind,
        relation,
        ...(where && { where }),
        ...(orderBy.length > 0 && { orderBy }),
        ...(typeof limit === 'number' && { limit }),
      }
    }
    case 'column':
      return { kind, relation, column: column ?? '' }
    case 'row':
      return { kind, relation, key: keyOf() }
    case 'field':
      return { kind, relation, key: keyOf(), column: column ?? '' }
  }
}
