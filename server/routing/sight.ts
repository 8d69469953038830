import type pg from 'pg'
import { RowcastError } from '../../shared/errors.ts'
import { isRefusal } from '../db/failures.ts'
import { assume, resign, type Identity } from '../session/identity.ts'
import { readOnly } from '../db/read-only.ts'
import type { RelationInfo } from './catalogue.ts'
import { readAs } from './read-as.ts'

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
  const [sight] = await sightsOf(pool, relation, [identity])
  if (!sight) throw new Error('an identity has a sight')
  return sight
}

/** As `sightOf`, of several identities of the relation's role, in one question. */
export async function sightsOf(
  pool: pg.Pool,
  relation: RelationInfo,
  identities: readonly Identity[],
): Promise<Sight[]> {
  const { role, security } = relation
  const expressions = security ? security.claims : []
  const all = identities.map(({ claims }) => JSON.stringify(claims))
  const values =
    expressions === null || expressions.length === 0
      ? all.map(() => expressions && [])
      : await evaluate(pool, relation, all, expressions)
  return all.map((claims, i) => {
    const own = values[i] ?? null
    return { name: JSON.stringify([role, own ?? claims]), role, claims, values: own }
  })
}

/** As the identities, since it is PostgreSQL that knows what they see. Null where that cannot be told without a row. */
async function evaluate(
  pool: pg.Pool,
  relation: RelationInfo,
  claims: readonly string[],
  expressions: readonly string[],
): Promise<(string[] | null)[]> {
  const texts = expressions.map((expression) => `(${expression})::text`).join(', ')
  const select = {
    text: `select pg_catalog.json_build_array(${texts})::text as key, null::text as "row"`,
    values: [],
  }
  try {
    const rows = await readOnly(pool, async (client) => {
      await assume(client, { role: relation.role, claims: {} })
      await resign(client) // by itself it may not call what takes it on for each
      return readAs(client, relation, claims, select)
    })
    return rows.map(({ key }) => JSON.parse(key) as string[])
  } catch (error) {
    // A cast that fails, say. The policy may well decide without it.
    if (!isRefusal(error) || error instanceof RowcastError) throw error
    if (claims.length === 1) return [null]
    const alone = []
    for (const one of claims) alone.push(...(await evaluate(pool, relation, [one], expressions)))
    return alone
  }
}
