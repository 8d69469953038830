import type { ChangeRecord } from '../core/change-record.ts'
import { tableSubscription } from '../core/definition.ts'
import type { Result } from '../core/result.ts'
import type { ChangesOptions, RelationName, RowOf } from '../core/tables.ts'
import { useResult } from './use-followed.ts'

/**
 * Follows the changes of a table's rows themselves: the last so many (100, or `last`) since the
 * component was mounted, oldest first, with what was there before. Mounted when the page connects, it begins with
 * those that the session has not acknowledged, so that a reload misses none (not with a filter).
 *
 * With a filter, a row that starts to match comes as a `row_insert`, and one that stops as a
 * `row_delete`. Where changes are missing, because the server could not tell them or has sent the rows
 * in their place, there is a record whose `op` is `gap`.
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
