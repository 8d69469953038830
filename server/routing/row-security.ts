import type pg from 'pg'
import { readPolicies } from './read-policies.ts'

/**
 * What row-level security makes of a relation for one role: on what it depends who sees a row.
 *
 * It errs on one side only: what is not understood for sure may depend on everything.
 */
export interface RowSecurity {
  /** Columns of the relation that decide who sees a row. Null: any may. */
  readonly columns: ReadonlySet<string> | null
  /** Tracked relations that policies read, by their id among the tracked. */
  readonly dependencies: ReadonlyMap<number, Dependency>
  /**
   * What policies read that no log tells: the time, a relation that is not tracked. Who sees what has to be asked again
   * every now and then. Named for the server's log.
   */
  readonly unobserved: readonly string[]
  /**
   * It calls what cannot be looked into. What that reads is found out when it runs: `relationsRead`. And it may be planned for
   * one identity only: a function that is declared immutable, and is not, is evaluated when it is planned.
   */
  readonly isOpaque: boolean
  /** SQL over claims and nothing else. Identities of the role for which all have the same values see the same. Null: any claim may matter. */
  readonly claims: readonly string[] | null
}

/** A tracked relation that policies read. */
export interface Dependency {
  /** Its columns that matter. Null: any may. */
  readonly columns: ReadonlySet<string> | null
  /** A row concerns only the identities whose claim of this number equals its column. Null: it may concern all. */
  readonly key: { readonly column: string; readonly claim: number } | null
}

/**
 * Looks at the policies that decide what a role may select of a relation. Null if row security does not apply to it there.
 */
export async function readRowSecurity(
  client: pg.ClientBase | pg.Pool,
  oid: number,
  role: string,
): Promise<RowSecurity | null> {
  const relations = await readPolicies(client, oid, role)
  const relation = relations.get(oid)
  if (!relation?.isSecured) return null
  const all = [...relations.values()]
  const policies = all.flatMap((each) => each.policies)
  const isOpaque =
    policies.some((policy) => policy.functions.length > 0 || policy.hasOtherNeeds) ||
    all.some(({ kind }) => kind === 'v')
  const dependencies = new Map<number, Dependency>()
  const unobserved = new Set<string>()
  for (const each of all) {
    if (each === relation) continue
    if (each.trackedId === null) unobserved.add(`${each.schema}.${each.name}`)
    else dependencies.set(each.trackedId, { columns: null, key: null })
  }
  return { columns: null, dependencies, unobserved: [...unobserved], isOpaque, claims: null }
}
