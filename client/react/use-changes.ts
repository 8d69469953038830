import type { ChangeRecord } from '../core/change-record.ts'
import { tableSubscription } from '../core/definition.ts'
import type { Result } from '../core/result.ts'
import type { ChangesOptions, RelationName, RowOf } from '../core/tables.ts'
import { useResult } from './use-followed.ts'

/**
 * Follows the changes of a table's rows themselves: the last so many (100, or `last`) since the
 * component was mounted, oldest first, with what was there before.
 *
 * With a filter, a row that starts to match comes as a `row_insert`, and one that stops as a
 * `row_delete`. What a fresh snapshot brings (after a reset, or for a filtered table after an
 * interruption) is not among the changes.
 *
 * @example
 * const changes = useChanges('person', { last: 10 })
 * return changes.data?.map((change) => <li>{change.op} {change.key}</li>)
 */
export function useChanges<R extends RelationName>(
  relation: R,
  { where, last = 100 }: ChangesOptions<R> = {},
): Result<readonly ChangeRecord<RowOf<R>>[]> {
  return useResult(
    () => tableSubscription(relation, { where }),
    (client) => client.changes(relation, { where, last }),
    last,
  )
}
