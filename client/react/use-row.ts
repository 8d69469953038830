import { rowSubscription } from '../core/definition.ts'
import type { Result } from '../core/result.ts'
import type { Key, RelationName, RowOf } from '../core/tables.ts'
import { useData, useResult } from './use-followed.ts'

/**
 * Follows one row while the component is mounted, and renders again only when it changes.
 *
 * `status` is `loading` until the first answer; then `ready`, with `data` null if there is no such row.
 *
 * @param relation `schema.name`; `public` may be left out
 * @param key the primary key: a value, or an array in the order of the key's columns. Undefined or
 *   null, as long as it is not known, follows nothing and stays `loading`.
 *
 * @example
 * const player = useRow('player', playerId)
 * if (player.status !== 'ready') return <Spinner />
 * return player.data ? <Player player={player.data} /> : <Gone />
 */
export function useRow<R extends RelationName>(
  relation: R,
  key: Key | null | undefined,
): Result<RowOf<R> | null> {
  return useResult(() => (key === undefined || key === null ? undefined : rowSubscription(relation, key)))
}

/** `useRow` for below a `<Suspense>` and an error boundary: the row itself, or null. */
export function useSuspenseRow<R extends RelationName>(relation: R, key: Key): RowOf<R> | null {
  return useData(() => rowSubscription(relation, key))
}
