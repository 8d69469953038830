import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import { isRefusal } from '../db/failures.ts'
import type { Identity } from '../session/identity.ts'
import { asIdentity } from './as-identity.ts'
import type { RelationInfo } from './catalogue.ts'

/**
 * What identities share that see the same rows of a relation: the role, and their claims as far as its policies read them.
 * Of a relation that row security does not hide from the role, all its identities have one.
 */
export interface Sight {
  /** Two of one relation, in one state, are the same exactly when their names are. */
  readonly name: string
  readonly role: string
  /** The claims of one of the identities, as JSON. */
  readonly claims: string
  /** Of `RowSecurity.claims`, as text. Null if all claims may matter. */
  readonly values: readonly (string | null)[] | null
}

/**
 * What an identity sees of a relation. Depends on the relation's state and the identity only.
 *
 * @throws {RowcastError} `permission_denied` if the server may not take on the role.
 */
export async function sightOf(pool: pg.Pool, relation: RelationInfo, identity: Identity): Promise<Sight> {
  const { role } = identity
  const claims = JSON.stringify(identity.claims)
  const expressions = relation.security ? relation.security.claims : []
  const values = expressions && (await evaluate(pool, identity, expressions))
  return { name: JSON.stringify([role, values ?? claims]), role, claims, values }
}

/** As the identity, since it is PostgreSQL that knows what it sees. Null if that cannot be told without a row. */
async function evaluate(
  pool: pg.Pool,
  identity: Identity,
  expressions: readonly string[],
): Promise<(string | null)[] | null> {
  if (expressions.length === 0) return []
  const texts = expressions.map((expression) => `(${expression})::text`)
  try {
    const { rows } = await asIdentity(pool, identity, (client) =>
      client.query(`select array[${texts.join(', ')}] as values`),
    )
    return rows[0].values
  } catch (error) {
    // A cast that fails, say. The policy may well decide without it.
    if (!isRefusal(error) || error instanceof RowcastError) throw error
    return null
  }
}
