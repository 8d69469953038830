import type { Logger } from 'pino'
import { RowcastError, type ErrorCode } from '../../shared/errors.ts'
import type { Identity } from '../session/identity.ts'
import type { GatewaySocket } from './connection.ts'

/** What `authenticate` may look at: Socket.IO's handshake. */
export interface Handshake {
  /** What the client was given as `auth`. */
  readonly auth: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly address: string
  readonly url: string
}

export type Authenticate = (handshake: Handshake) => Identity | Promise<Identity>

/** Socket.IO middleware that finds out who a client is, and refuses whom `authenticate` does not accept. */
export function identify(authenticate: Authenticate, logger: Logger) {
  return (socket: GatewaySocket, next: (error?: Error) => void): void => {
    const { auth, headers, address, url } = socket.handshake
    void Promise.resolve({ auth, headers, address, url })
      .then(authenticate)
      .then(
        (identity) => {
          socket.data.identity = identity
          next()
        },
        (error: unknown) => {
          logger.info({ err: error, address }, 'refused a client')
          next(refusal(error))
        },
      )
  }
}

/** Socket.IO passes `data` on to the client's `connect_error`. */
function refusal(error: unknown): Error {
  const code: ErrorCode = error instanceof RowcastError ? error.code : 'unauthenticated'
  const message = error instanceof RowcastError ? error.message : 'not signed in'
  return Object.assign(new Error(message), { data: { code, message } })
}
