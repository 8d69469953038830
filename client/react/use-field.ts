import { fieldSubscription } from '../core/definition.ts'
import type { Result } from '../core/result.ts'
import type { ColumnOf, Key, RelationName, ValueOf } from '../core/tables.ts'
import { useData, useResult } from './use-followed.ts'

/**
 * Follows one column of one row, and renders again only when its value changes. `data` is undefined if
 * there is no such row, and null if the field is null.
 *
 * @param relation `schema.name`; `public` may be left out
 * @param key the primary key: a value, or an array in the order of the key's columns. Undefined or
 *   null, as long as it is not known, follows nothing and stays `loading`.
 *
 * @example
 * const score = useField('player', playerId, 'score')
 */
export function useField<R extends RelationName, C extends ColumnOf<R>>(
  relation: R,
  key: Key | null | undefined,
  column: C,
): Result<ValueOf<R, C> | undefined> {
  return useResult(() =>
    key === undefined || key === null ? undefined : fieldSubscription(relation, key, column),
  )
}

/** `useField` for below a `<Suspense>` and an error boundary: the value itself. */
export function useSuspenseField<R extends RelationName, C extends ColumnOf<R>>(
  relation: R,
  key: Key,
  column: C,
): ValueOf<R, C> | undefined {
  return useData(() => fieldSubscription(relation, key, column))
}
