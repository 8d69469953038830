import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import type { Authenticate } from '../gateway/authenticate.ts'
import type { RowcastOptions } from '../main.ts'

/**
 * What a dev server does without `authenticate`: pages on this computer read as the database's own user,
 * and nobody else may connect, also not by way of a name that somebody makes point to this computer.
 */
export function thisComputerOnly(): Required<Pick<RowcastOptions, 'authenticate' | 'setup'>> {
  let role = 'postgres'
  const setup = async (client: pg.ClientBase) => {
    const { rows } = await client.query<{ role: string }>('select current_user as role')
    role = rows[0]?.role ?? role
  }
  const authenticate: Authenticate = ({ address, headers }) => {
    if (isLoopbackAddress(address) && isLoopbackHost(String(headers['host'] ?? '')))
      return { role, claims: {} }
    throw new RowcastError(
      'unauthenticated',
      `without \`authenticate\`, only pages on this computer may connect, not ${address}: give rowcast() one`,
    )
  }
  return { authenticate, setup }
}

function isLoopbackAddress(address: string): boolean {
  return /^(::1|(::ffff:)?127\.\d+\.\d+\.\d+)$/.test(address)
}

function isLoopbackHost(host: string): boolean {
  return /^(localhost|[\w-]+\.localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i.test(host)
}
