import { getSession, signOut } from '../session/session.ts'

/** A refusal of the server, or `offline` when it could not be asked. The message is for the person. */
export class ApiError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ApiError'
    this.code = code
  }
}

/**
 * Calls one of the chat's endpoints as the signed-in person, and signs out if the server no longer knows them.
 *
 * @throws {ApiError}
 */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const token = getSession()?.token
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  } catch (cause) {
    throw new ApiError('offline', 'The server cannot be reached. Please try again in a moment.', { cause })
  }
  const answer = (await response.json().catch(() => ({}))) as { code?: string; message?: string }
  if (response.ok) return answer as T
  const message = answer.message ?? 'The server did not answer as expected. Please try again in a moment.'
  if (response.status === 401 && token !== undefined && token === getSession()?.token) signOut(message)
  throw new ApiError(answer.code ?? 'offline', message)
}

/** What to tell the person about a failure. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
