import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import { isRefusal } from '../db/failures.ts'

/** Who reads: what PostgreSQL's grants and policies see. */
export interface Identity {
  /** A database role that the server's own user may `set role` to. */
  readonly role: string
  /** Set as `request.jwt.claims` for policies to read. `sub`, if there is one, tells users of a role apart. */
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * Makes the rest of the open transaction run as an identity.
 *
 * @throws {RowcastError} `permission_denied` if the server may not take on the role.
 */
export async function assume(client: pg.ClientBase, identity: Identity): Promise<void> {
  try {
    await client.query(`select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`, [
      identity.role,
      JSON.stringify(identity.claims),
    ])
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new RowcastError(
      'permission_denied',
      `the server may not act as role ${identity.role}: create it, and grant it to the server's own user`,
      { cause: error },
    )
  }
}

/** Sessions belong to this: the role and, where claims tell users of one role apart, the subject. */
export function ownerOf(identity: Identity): { role: string; subject: string | null } {
  const { sub } = identity.claims
  return {
    role: identity.role,
    subject: typeof sub === 'string' ? sub : sub == null ? null : JSON.stringify(sub),
  }
}
