import { tableSubscription } from '../core/definition.ts'
import type { Result } from '../core/result.ts'
import type { RelationName, RowOf, TableOptions } from '../core/tables.ts'
import { useData, useResult } from './use-followed.ts'

export interface UseTableOptions<R extends string> extends TableOptions<R> {
  /** False follows nothing, and stays `loading`. */
  readonly enabled?: boolean | undefined
}

/**
 * Follows the rows of a table while the component is mounted. With an order, rows move to their places
 * as they change; with a limit, the list refills. The array stays the same until something of it
 * changes, and each row until that row does.
 *
 * Options may be written inline: what counts is what they say.
 *
 * @param relation `schema.name`; `public` may be left out
 *
 * @example
 * const messages = useTable('message', { where: { channel_id: 5 }, orderBy: { id: 'desc' }, limit: 50 })
 * if (messages.status !== 'ready') return <Spinner />
 * return messages.data.map((message) => <Message key={message.id} message={message} />)
 */
export function useTable<R extends RelationName>(
  relation: R,
  { enabled = true, ...options }: UseTableOptions<R> = {},
): Result<readonly RowOf<R>[]> {
  return useResult(() => (enabled ? tableSubscription(relation, options) : undefined))
}

/** `useTable` for below a `<Suspense>` and an error boundary: the rows themselves. */
export function useSuspenseTable<R extends RelationName>(
  relation: R,
  options?: TableOptions<R>,
): readonly RowOf<R>[] {
  return useData(() => tableSubscription(relation, options))
}
