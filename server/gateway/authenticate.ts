import type { Logger } from 'pino'
import { RowcastError, type ErrorCode } from '../../shared/errors.ts'
import { isOutage } from '../db/failures.ts'
import { parseIdentity, type Identity } from '../session/identity.ts'
import { internal } from './answer.ts'
import type { GatewaySocket } from './connection.ts'

/** What `authenticate` may look at: Socket.IO's handshake. */
export interface Handshake {
  /** What the client was given as `auth`. */
  readonly auth: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly address: string
  readonly url: string
}

/** Says who a client is, when it connects and whenever it renews what it signed in with. Throws if it may not connect. */
export type Authenticate = (handshake: Handshake) => Identity | Promise<Identity>

/** Socket.IO middleware that finds out who a client is, and refuses whom `authenticate` does not accept. */
export function identify(authenticate: Authenticate, logger: Logger) {
  return (socket: GatewaySocket, next: (error?: ConnectError) => void): void => {
    identityOf(socket, authenticate, logger).then(
      (identity) => {
        socket.data.identity = identity
        next()
      },
      (error: RowcastError) => next(connectError(error)),
    )
  }
}

/** Socket.IO passes `data` on to the client's `connect_error`. */
export interface ConnectError extends Error {
  readonly data: { readonly code: ErrorCode; readonly message: string }
}

export function connectError({ code, message }: RowcastError): ConnectError {
  return Object.assign(new Error(message), { data: { code, message } })
}

/**
 * Asks who a client is.
 *
 * @param auth what it has sent since, in place of what it connected with
 * @throws {RowcastError} and nothing else: `internal` when that cannot be said, now or by a mistake of the application's,
 *   which the log tells; otherwise why it is not accepted
 */
export async function identityOf(
  { handshake }: Pick<GatewaySocket, 'handshake'>,
  authenticate: Authenticate,
  logger: Logger,
  auth: Handshake['auth'] = handshake.auth,
): Promise<Identity> {
  const { headers, address, url } = handshake
  try {
    const identity = parse(await authenticate({ auth, headers, address, url }))
    if ((identity.expiresAt ?? Infinity) > Date.now()) return identity
    throw new RowcastError('expired', 'what this client signs in with has expired')
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal.code === 'internal') logger.error({ err: error, address }, 'could not say who a client is')
    else logger.info({ err: error, address }, 'refused a client')
    throw refusal
  }
}

function parse(result: unknown): Identity {
  try {
    return parseIdentity(result)
  } catch (cause) {
    throw new RowcastError('internal', internal.message, { cause })
  }
}

/** What is not said to be the server's failure is a refusal: applications throw whatever they like. */
function refusalOf(error: unknown): RowcastError {
  if (error instanceof RowcastError) return error
  return isOutage(error)
    ? new RowcastError('internal', internal.message)
    : new RowcastError('unauthenticated', 'not signed in')
}
