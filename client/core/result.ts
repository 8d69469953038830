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
