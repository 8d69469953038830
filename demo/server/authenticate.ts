import type { Authenticate } from 'rowcast/server'
import { verifyToken } from './token.ts'

/** Every read for a signed-in person runs as this role; see schema.sql for what it sees. */
export const readerRole = 'chat_reader'

/** Who a socket speaks for. @throws when it brings no good token: the connection is refused. */
export function createAuthenticate(loadSecret: () => Promise<Uint8Array>): Authenticate {
  return async ({ auth }) => {
    const { user, expiresAt } = await verifyToken(await loadSecret(), auth['token'])
    return { role: readerRole, claims: { sub: String(user.id), name: user.name }, expiresAt }
  }
}
