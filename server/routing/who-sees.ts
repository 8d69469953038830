import type pg from 'pg'
import type { KeyText } from '../../shared/change.ts'
import { isRefusal } from '../db/failures.ts'
import type { RelationInfo } from './catalogue.ts'
import { readAs } from './read-as.ts'
import type { PolicyBranch, PolicyJoin } from './row-security.ts'
import { quote, selectByKeys } from './select.ts'
import type { Sight } from './sight.ts'

/**
 * Which of these sights see which of these rows, as of the open transaction's snapshot. Rows that none sees are not in it.
 *
 * In one question for all sights where the policies are understood and the server's own user is exempt from them;
 * otherwise as one identity of each sight after the other.
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
  if (sights.length === 0 || keys.length === 0) return new Map()
  const join = relation.security?.join
  const joined = join ? sights.filter(({ values }) => values !== null) : []
  const seen = (joined.length > 0 && join && (await seenByJoin(client, relation, join, joined, keys))) || null
  const others = seen ? sights.filter(({ values }) => values === null) : sights
  const all = seen ?? new Map<KeyText, Sight[]>()
  await seenByEach(client, relation, others, keys, all)
  return all
}

/** Null if PostgreSQL refuses: it may be for the sake of one sight, or of a row that none of them gets to see. */
async function seenByJoin(
  client: pg.ClientBase,
  relation: RelationInfo,
  join: PolicyJoin,
  sights: readonly Sight[],
  keys: readonly KeyText[],
): Promise<Map<KeyText, Sight[]> | null> {
  await client.query('savepoint rowcast_join')
  try {
    const { rows } = await client.query(joinQuery(relation, join, sights, keys))
    const asked = new Set(keys)
    const seen = new Map<KeyText, Set<Sight> | null>()
    for (const { key, n } of rows as { key: KeyText; n: number | null }[]) {
      if (!asked.has(key)) continue
      const before = seen.get(key)
      if (n === null) seen.set(key, null)
      else if (before) before.add(sights[n - 1]!)
      else if (before === undefined) seen.set(key, new Set([sights[n - 1]!]))
    }
    await client.query('release savepoint rowcast_join')
    return new Map([...seen].map(([key, by]) => [key, by ? [...by] : [...sights]]))
  } catch (error) {
    if (!isRefusal(error)) throw error
    await client.query('rollback to savepoint rowcast_join')
    return null
  }
}

/** Yields `key` and `n`, the place of the sight from 1; without it, all see the row. */
function joinQuery(
  relation: RelationInfo,
  { types, branches }: PolicyJoin,
  sights: readonly Sight[],
  keys: readonly KeyText[],
): { text: string; values: unknown[] } {
  const key = quote('rowcast key')
  const rows = selectByKeys(relation, null, `t.*, ${relation.keyExpression} as ${key}`, keys)
  const parameters = new Map<number, number>()
  const values: unknown[] = [rows.values]
  const parameter = (claim: number): string => {
    let place = parameters.get(claim)
    if (place === undefined) {
      place = values.push(sights.map((sight) => sight.values?.[claim] ?? null))
      parameters.set(claim, place)
    }
    return `$${place}::text[]`
  }
  const selects = branches.map(({ condition, claims }: PolicyBranch) => {
    const from = `(${rows.text}) as t`
    if (claims.length === 0) return `select t.${key} as key, null::int8 as n from ${from} where ${condition}`
    const names = claims.map((claim) => `v${claim + 1}`)
    const typed = claims.map((claim, n) => `u.${names[n]}::${types[claim]} as ${names[n]}`)
    const each = `select u.n, ${typed.join(', ')} from unnest(${claims.map(parameter).join(', ')}) with ordinality as u (${names.join(', ')}, n)`
    return `select t.${key} as key, s.n from ${from} cross join (${each}) as s where ${condition}`
  })
  return { text: selects.join(' union all '), values }
}

async function seenByEach(
  client: pg.ClientBase,
  relation: RelationInfo,
  sights: readonly Sight[],
  keys: readonly KeyText[],
  seen: Map<KeyText, Sight[]>,
): Promise<void> {
  if (sights.length === 0) return
  const asked = new Set(keys)
  const select = selectByKeys(relation, null, `${relation.keyExpression} as key, null::text as "row"`, keys)
  const claims = sights.map((sight) => sight.claims)
  for (const { place, key } of await readAs(client, relation, claims, select)) {
    const sight = sights[place]
    if (!sight || !asked.has(key)) continue
    const others = seen.get(key)
    if (others) others.push(sight)
    else seen.set(key, [sight])
  }
}
