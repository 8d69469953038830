import type { RowcastError } from '../../shared/errors.ts'

/**
 * What is known of what one follows. `loading` until the first answer; then `ready`, also while
 * reconnecting: what was last known stays. `error` when the server refuses it, until it no longer does.
 */
export type Result<T> =
  | { readonly status: 'loading'; readonly data?: undefined; readonly error?: undefined }
  | { readonly status: 'ready'; readonly data: T; readonly error?: undefined }
  | { readonly status: 'error'; readonly data?: undefined; readonly error: RowcastError }

/** One object for all, so that nothing renders again for it. */
export const loading: Result<never> = { status: 'loading' }

/** What is known now, as the object that it was if it still is the same. */
export function readyWith<T>(data: T, before: Result<T>): Result<T> {
  return before.status === 'ready' && before.data === data ? before : { status: 'ready', data }
}

export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === b.length && a.every((item, index) => item === b[index]))
}
