import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Pool } from 'pg'
import { ApiError } from './api-error.ts'
import { bearerToken, readJson, sendJson } from './http.ts'
import { routes } from './routes.ts'
import { verifyToken } from './token.ts'

export interface ChatApiOptions {
  /** Asked at each request, so that the handler can be mounted before the database is up. */
  readonly pool: () => Promise<Pool>
  readonly secret: () => Promise<Uint8Array>
  /** Told of failures that are not the caller's. */
  readonly onError?: (error: unknown) => void
}

type Handler = (request: IncomingMessage, response: ServerResponse, next: () => void) => void

/** The chat's endpoints under `/api/`, for any server that takes connect-style handlers. */
export function createChatApi(options: ChatApiOptions): Handler {
  return (request, response, next) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    if (!path.startsWith('/api/')) return next()
    answer(options, request, path).then(
      (body) => sendJson(response, 200, body),
      (error: unknown) => {
        if (!(error instanceof ApiError)) options.onError?.(error)
        const known = error instanceof ApiError ? error : internalError
        sendJson(response, known.status, { code: known.code, message: known.message })
      },
    )
  }
}

const internalError = new ApiError(500, 'internal', 'Something went wrong on our side. Please try again.')

async function answer(options: ChatApiOptions, request: IncomingMessage, path: string): Promise<unknown> {
  const route = routes.find((route) => route.method === request.method && route.path.test(path))
  if (!route) throw new ApiError(404, 'not_found', `There is no ${request.method} ${path}.`)
  const secret = await options.secret()
  const signedIn = route.signedIn && (await verifyToken(secret, bearerToken(request)))
  const call = {
    pool: await options.pool(),
    secret,
    body: await readJson(request),
    id: Number(route.path.exec(path)?.[1]),
  }
  return signedIn ? await route.signedIn?.({ ...call, user: signedIn.user }) : await route.open?.(call)
}
