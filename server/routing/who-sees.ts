import type pg from 'pg'
import type { KeyText } from '../../shared/change.ts'
import type { RelationInfo } from './catalogue.ts'
import { readAs } from './read-as.ts'
import { selectByKeys } from './select.ts'
import type { Sight } from './sight.ts'

/**
 * Which of these sights see which of these rows, as of the open transaction's snapshot. Rows that none sees are not in it.
 *
 * @param sights of the relation, each once
 * @throws PostgreSQL's refusal of any of them; the transaction has failed then
 */
export async function whoSees(
  client: pg.ClientBase,
  relation: RelationInfo,
  sights: readonly Sight[],
  keys: readonly KeyText[],
): Promise<Map<KeyText, Sight[]>> {
  const seen = new Map<KeyText, Sight[]>()
  const [first] = sights
  if (!first || keys.length === 0) return seen
  const asked = new Set(keys)
  const select = selectByKeys(relation, null, `${relation.keyExpression} as key, null::text as "row"`, keys)
  const claims = sights.map((sight) => sight.claims)
  for (const { place, key } of await readAs(client, first.role, claims, select)) {
    const sight = sights[place]
    if (!sight || !asked.has(key)) continue
    const others = seen.get(key)
    if (others) others.push(sight)
    else seen.set(key, [sight])
  }
  return seen
}
