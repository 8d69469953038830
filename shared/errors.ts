/**
 * What can go wrong in a way that the other side can act on. Each code that SQL raises has an
 * SQLSTATE: PostgreSQL's own where one says the same, else one of class `RC`.
 */
export const sqlStates = {
  permission_denied: '42501',
  relation_not_found: '42P01',
  column_not_found: '42703',
  session_not_found: 'RC001',
  subscription_not_found: 'RC002',
  not_subscribable: 'RC003',
  not_tracked: 'RC004',
  no_primary_key: 'RC005',
  row_security_unsupported: 'RC006',
  invalid_position: 'RC007',
  invalid_identifier: 'RC008',
  position_expired: 'RC009',
  session_limit: 'RC010',
} as const

export type ErrorCode =
  | keyof typeof sqlStates
  | 'invalid_message'
  | 'invalid_filter'
  | 'invalid_key'
  | 'limit_exceeded'
  | 'too_fast'
  | 'unsupported_protocol'
  | 'unauthenticated'
  /** What the client signed in with was good once. */
  | 'expired'
  /** What the client renewed is somebody else's. */
  | 'identity_changed'
  | 'epoch_changed'
  | 'row_missing'
  | 'shape_changed'
  | 'disconnected'
  | 'internal'

/**
 * A failure that the caller can act on: `code` says which, the message names the values and what to do.
 *
 * @example
 * if (error instanceof RowcastError && error.code === 'relation_not_found') …
 */
export class RowcastError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'RowcastError'
    this.code = code
  }
}
