import type pg from 'pg'
import type { RelationInfo } from './catalogue.ts'
import type { Select } from './select.ts'

/** A row that an identity was shown. */
export interface ReadRow {
  /** Index of the claims as which it was read. */
  readonly place: number
  readonly key: string
  readonly row: string | null
}

/**
 * Runs one select of a relation as its role, with one set of claims after the other, in the open transaction: each sees what
 * grants and row security show to it. In one question to the database, and planned once, but for policies into which we
 * cannot look.
 *
 * @param select yields `key` and `row`, both text
 * @throws PostgreSQL's refusal of any of them; the transaction has failed then
 */
export async function readAs(
  client: pg.ClientBase,
  { role, security }: Pick<RelationInfo, 'role' | 'security'>,
  claims: readonly string[],
  { text, values }: Select,
): Promise<ReadRow[]> {
  if (claims.length === 0) return []
  const { rows } = await client.query<ReadRow>({
    name: 'rowcast_select_as',
    text: 'select place - 1 as place, key, "row" from event.select_as($1, $2, $3, $4, $5)',
    values: [role, claims, text, values, security?.isOpaque ?? false],
  })
  return rows
}
