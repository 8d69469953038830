import { columnSubscription } from '../core/definition.ts'
import type { Result } from '../core/result.ts'
import type { ColumnEntry, ColumnOf, RelationName, ValueOf } from '../core/tables.ts'
import { useData, useResult } from './use-followed.ts'

/**
 * Follows one column of every row, as entries of the row's key and its value. Changes of other columns
 * do not render it; an entry stays the same object until its value changes.
 *
 * @example
 * const names = useColumn('person', 'name')
 * return names.data?.map(({ key, value }) => <li key={key}>{value}</li>)
 */
export function useColumn<R extends RelationName, C extends ColumnOf<R>>(
  relation: R,
  column: C,
): Result<readonly ColumnEntry<ValueOf<R, C>>[]> {
  return useResult(() => columnSubscription(relation, column))
}

/** `useColumn` for below a `<Suspense>` and an error boundary: the entries themselves. */
export function useSuspenseColumn<R extends RelationName, C extends ColumnOf<R>>(
  relation: R,
  column: C,
): readonly ColumnEntry<ValueOf<R, C>>[] {
  return useData(() => columnSubscription(relation, column))
}
