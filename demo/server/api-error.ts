export type ApiErrorCode =
  | 'invalid_request'
  | 'too_large'
  | 'unauthenticated'
  | 'name_reserved'
  | 'channel_not_found'
  | 'channel_exists'
  | 'not_a_member'
  | 'not_the_owner'
  | 'person_not_found'
  | 'message_not_found'
  | 'not_yours'
  | 'not_found'
  | 'internal'

/** A refusal that the page can act on: it is answered as `{ code, message }` with this status. */
export class ApiError extends Error {
  readonly status: number
  readonly code: ApiErrorCode

  constructor(status: number, code: ApiErrorCode, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
  }
}

/** Also of a private channel that the person is not in. */
export const channelNotFound = () =>
  new ApiError(404, 'channel_not_found', 'This channel does not exist, or you are no longer in it.')
