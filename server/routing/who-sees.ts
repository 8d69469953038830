import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { KeyText } from '../../shared/change.ts'
import { isRefusal } from '../db/failures.ts'
import type { RelationInfo } from './catalogue.ts'
import { readAs } from './read-as.ts'
import type { PolicyJoin } from '../policies/policy-join.ts'
import { quote, selectByKeys, type Select } from './select.ts'
import type { Sight } from './sight.ts'
import type { Sights } from './sights.ts'

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
  sights: Sights,
  keys: readonly KeyText[],
): Promise<Map<KeyText, Sight[]>> {
  if (sights.all.length === 0 || keys.length === 0) return new Map()
  const join = relation.security?.join
  const seen =
    join && sights.valued.all.length > 0
      ? await seenByJoin(client, relation, join, sights.valued, keys)
      : null
  const all = seen ?? new Map<KeyText, Sight[]>()
  await seenByEach(client, relation, (seen ? sights.others : sights).all, keys, all)
  return all
}

/** Null if PostgreSQL refuses: it may be for the sake of one sight, or of a row that none of them gets to see. */
async function seenByJoin(
  client: pg.ClientBase,
  relation: RelationInfo,
  join: PolicyJoin,
  sights: Sights,
  keys: readonly KeyText[],
): Promise<Map<KeyText, Sight[]> | null> {
  return unlessRefused(client, async () => {
    const seen = new Seen(sights, keys)
    const isFound = await addFound(client, relation, join, keys, seen)
    if (!isFound) await addJoined(client, relation, join, keys, seen)
    return seen.byKey
  })
}

/**
 * Asks as the server's own user, from which row security hides nothing: if it does, since that is not exempt any more, PostgreSQL is
 * to refuse rather than to leave rows out. Null if it refuses, whatever the reason.
 */
async function unlessRefused<T>(client: pg.ClientBase, ask: () => Promise<T>): Promise<T | null> {
  await client.query('savepoint rowcast_join; set local row_security = off')
  const answer = await ask().catch((error: unknown) => {
    if (!isRefusal(error)) throw error
    return null
  })
  await client.query('rollback to savepoint rowcast_join; release savepoint rowcast_join')
  return answer
}

/** Who sees what, as it is found out. */
class Seen {
  readonly sights: Sights
  readonly #byKey: Map<KeyText, Set<Sight> | 'all'>

  constructor(sights: Sights, keys: readonly KeyText[]) {
    this.sights = sights
    this.#byKey = new Map(keys.map((key) => [key, new Set()]))
  }

  get byKey(): Map<KeyText, Sight[]> {
    const byKey = new Map<KeyText, Sight[]>()
    for (const [key, by] of this.#byKey)
      if (by === 'all') byKey.set(key, [...this.sights.all])
      else if (by.size > 0) byKey.set(key, [...by])
    return byKey
  }

  /** Nothing, of a key that is not asked for. */
  add(key: KeyText, sights: Iterable<Sight>): void {
    const before = this.#byKey.get(key)
    if (before instanceof Set) for (const sight of sights) before.add(sight)
  }

  addAll(key: KeyText): void {
    if (this.#byKey.has(key)) this.#byKey.set(key, 'all')
  }
}

/**
 * Far more claims than there are sights may see a row, as in a channel of which all are members and few are here: so many
 * are looked at.
 */
const maxFound = 5_000

/**
 * PostgreSQL is asked for the claims that see the rows, and need not be told of the sights at all. False, and nothing added,
 * if the policies do not say them, or if they are too many.
 */
async function addFound(
  client: pg.ClientBase,
  relation: RelationInfo,
  { branches, columns }: PolicyJoin,
  keys: readonly KeyText[],
  seen: Seen,
): Promise<boolean> {
  const width = Math.max(...branches.map(({ claims }) => claims.length))
  const places = Array.from({ length: width }, (_, n) => n)
  const rows = rowsSql(relation, columns, keys)
  const selects: string[] = []
  for (const [n, { found, claims }] of branches.entries()) {
    if (found === null) return false
    const values = places.map((place) => {
      const claim = claims[place]
      return `${claim === undefined ? 'null' : `b.v${claim + 1}`} as c${place}`
    })
    selects.push(`select ${[`${n} as branch`, 'b.key', ...values].join(', ')} from (${found}) as b`)
  }
  const text = `with ${rows.text} ${selects.join(' union all ')} limit ${maxFound + 1}`
  const name = `rowcast_who_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
  const { rows: found } = await client.query<{
    branch: number
    key: KeyText
    [claim: `c${number}`]: string | null
  }>({
    name,
    text,
    values: [rows.values],
  })
  if (found.length > maxFound) return false
  for (const row of found) {
    const claims = branches[row.branch]?.claims ?? []
    if (claims.length === 0) seen.addAll(row.key)
    else {
      const values = claims.map((_, n) => row[`c${n}`] ?? null)
      seen.add(row.key, seen.sights.having(claims, values))
    }
  }
  return true
}

async function addJoined(
  client: pg.ClientBase,
  relation: RelationInfo,
  join: PolicyJoin,
  keys: readonly KeyText[],
  seen: Seen,
): Promise<void> {
  const { sights } = seen
  const { branches, columns } = join
  const rows = rowsSql(relation, columns, keys)
  const selects = branches.map(
    ({ joined, claims }) =>
      `select b.key, ${claims.length > 0 ? 'b.n' : 'null::int8'} as n from (${joined}) as b`,
  )
  const told = sightsSql(join, sights, 2)
  const { rows: joined } = await client.query<{ key: KeyText; n: string | null }>({
    text: `with ${[rows.text, ...told.texts].join(', ')} ${selects.join(' union all ')}`,
    values: [rows.values, ...told.values],
  })
  for (const { key, n } of joined) {
    if (n === null) seen.addAll(key)
    else seen.add(key, sights.all.slice(Number(n) - 1, Number(n)))
  }
}

/** The sights as PostgreSQL is told of them, if branches look at any claim: a table of `n`, from 1, and the claims. */
function sightsSql(
  { types, branches }: PolicyJoin,
  sights: Sights,
  firstParameter: number,
): { readonly texts: readonly string[]; readonly values: readonly string[] } {
  const used = types
    .map((_, claim) => claim)
    .filter((claim) => branches.some(({ claims }) => claims.includes(claim)))
  if (used.length === 0) return { texts: [], values: [] }
  const names = used.map((claim) => `v${claim + 1}`)
  const typed = used.map((claim, n) => `u.${names[n]}::${types[claim]} as ${names[n]}`)
  const parameters = used.map((_, n) => `$${n + firstParameter}::text[]`)
  const text = `rowcast_sights as materialized (select ${['u.n', ...typed].join(', ')} from unnest(${parameters.join(', ')}) with ordinality as u (${[...names, 'n'].join(', ')}))`
  return { texts: [text], values: used.map((claim) => sights.textsOf(claim)) }
}

/**
 * The keys of all rows of a relation that each of these sights sees, as of the open transaction's snapshot. In one question; null
 * if they have to be asked one after the other.
 *
 * Rows that are alike in what decides, as the messages of a channel, are seen by the same: one of them is asked for.
 */
export async function allSeen(
  client: pg.ClientBase,
  relation: RelationInfo,
  sights: Sights,
): Promise<ReadonlySet<KeyText>[] | null> {
  const join = relation.security?.join
  if (!join || sights.all.length === 0 || sights.valued.all.length < sights.all.length) return null
  const { branches, columns } = join
  const read = columns.map((column) => `t.${quote(column)}`)
  const listed = [
    ...read,
    `${relation.keyExpression} as "rowcast key"`,
    `row(${read.join(', ')})::text as "rowcast kind"`,
  ]
  const asked = [...columns.map((column) => `a.${quote(column)}`), 'a."rowcast kind" as "rowcast key"']
  const seeing = branches.map(
    ({ joined, claims }) =>
      `select ${claims.length > 0 ? 'b.n' : 'null::int8'} as n, b.key as kind from (${joined}) as b`,
  )
  const told = sightsSql(join, sights, 1)
  const tables = [
    `rowcast_all as materialized (select ${listed.join(', ')} from ${relation.sqlName} as t)`,
    `rowcast_rows as materialized (select distinct on (a."rowcast kind") ${asked.join(', ')} from rowcast_all as a)`,
    ...told.texts,
    `rowcast_seen as materialized (${seeing.join(' union all ')})`,
  ]
  const text = `with ${tables.join(', ')}
    select s.n, s.kind, null as keys from rowcast_seen as s
    union all
    select null, a."rowcast kind", json_agg(a."rowcast key")::text from rowcast_all as a
     where a."rowcast kind" in (select s.kind from rowcast_seen as s) group by 2`
  const found = await unlessRefused(client, async () => {
    const { rows } = await client.query<{ n: string | null; kind: string; keys: string | null }>({
      text,
      values: [...told.values],
    })
    return rows
  })
  if (!found) return null
  const keysOf = new Map<string, KeyText[]>()
  for (const { kind, keys } of found) if (keys !== null) keysOf.set(kind, JSON.parse(keys) as KeyText[])
  const seen = sights.all.map(() => new Set<KeyText>())
  for (const { n, kind, keys } of found) {
    if (keys !== null) continue
    for (const set of n === null ? seen : seen.slice(Number(n) - 1, Number(n)))
      for (const key of keysOf.get(kind) ?? []) set.add(key)
  }
  return seen
}

/** The rows in question, of which PostgreSQL is to make a table before anything else. */
function rowsSql(relation: RelationInfo, columns: readonly string[], keys: readonly KeyText[]): Select {
  const read = columns.map((column) => `t.${quote(column)}`)
  const { text, values } = selectByKeys(
    relation,
    null,
    [...read, `${relation.keyExpression} as "rowcast key"`].join(', '),
    keys,
  )
  return { text: `rowcast_rows as materialized (${text})`, values }
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
