import { inspect } from 'node:util'
import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import { isRefusal } from '../db/failures.ts'
import { serverSearchPath } from '../db/pool.ts'

/** Who reads: what PostgreSQL's grants and policies see. */
export interface Identity {
  /** A database role that the server's own user may `set role` to. */
  readonly role: string
  /** Set as `request.jwt.claims` for policies to read. `sub`, if there is one, tells users of a role apart. */
  readonly claims: Readonly<Record<string, unknown>>
  /** When it ends, in milliseconds since 1970; without, never. What is not renewed by then is given nothing any more. */
  readonly expiresAt?: number
}

/**
 * Takes what `authenticate` has returned for an identity.
 *
 * @throws what is wrong with it: that PostgreSQL could not take it, or would take it for something else
 */
export function parseIdentity(input: unknown): Identity {
  const { role, claims, expiresAt } = (input ?? {}) as Record<string, unknown>
  if (typeof role !== 'string' || role === '' || role.includes('\0'))
    throw new Error(`authenticate must return a role, the name of one in the database, not ${inspect(role)}`)
  // `set role none` is the way back to the server's own user.
  if (role === 'none') throw new Error('authenticate has returned the role none, which is no role')
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims))
    throw new Error(
      `authenticate must return claims, an object, {} if there are none, not ${inspect(claims)}`,
    )
  if (expiresAt !== undefined && !(typeof expiresAt === 'number' && expiresAt >= 0))
    throw new Error(
      `authenticate must return expiresAt, if at all, in milliseconds since 1970, not ${inspect(expiresAt)}`,
    )
  JSON.stringify(claims, checkClaim)
  return { role, claims: claims as Identity['claims'], ...(expiresAt !== undefined && { expiresAt }) }
}

/** What policies read must be what was meant. A number beyond these has been rounded: another user's, perhaps. */
function checkClaim(name: string, value: unknown): unknown {
  if (typeof value === 'number' && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER))
    throw new Error(
      `the claim ${name} is ${value}, which JavaScript cannot tell from others: make it a string`,
    )
  const unstorable = /[\0\p{Surrogate}]/u
  if (unstorable.test(name) || (typeof value === 'string' && unstorable.test(value)))
    throw new Error(`the claim ${JSON.stringify(name)} has a character that PostgreSQL cannot store`)
  return value
}

/** What policies and the functions that they call expect, as everywhere else. */
const clientSearchPath = 'public'

/**
 * Makes the rest of the open transaction run as an identity.
 *
 * @throws {RowcastError} `permission_denied` if the server may not take on the role.
 */
export async function assume(client: pg.ClientBase, identity: Identity): Promise<void> {
  try {
    await client.query(
      `select pg_catalog.set_config('role', $1, true), pg_catalog.set_config('request.jwt.claims', $2, true),
              pg_catalog.set_config('search_path', $3, true)`,
      [identity.role, JSON.stringify(identity.claims), clientSearchPath],
    )
  } catch (error) {
    if (!isRefusal(error)) throw error
    throw new RowcastError(
      'permission_denied',
      `the server may not act as role ${identity.role}: create it, and grant it to the server's own user`,
      { cause: error },
    )
  }
}

/** Makes the rest of the open transaction run as the server's own user again. */
export async function resign(client: pg.ClientBase): Promise<void> {
  await client.query(
    `select pg_catalog.set_config('role', 'none', true), pg_catalog.set_config('search_path', $1, true)`,
    [serverSearchPath],
  )
}

/** Whether two are the same user: what belongs to one belongs to the other. */
export function isSameUser(one: Identity, other: Identity): boolean {
  const [a, b] = [ownerOf(one), ownerOf(other)]
  return a.role === b.role && a.subject === b.subject
}

/** Sessions belong to this: the role and, where claims tell users of one role apart, the subject. */
export function ownerOf(identity: Identity): { role: string; subject: string | null } {
  const { sub } = identity.claims
  return {
    role: identity.role,
    subject: typeof sub === 'string' ? sub : sub == null ? null : JSON.stringify(sub),
  }
}
