import type { ColumnRef, FuncCall, Node, RangeVar, SQLValueFunction } from 'libpg-query'
import type pg from 'pg'
import { isRefusal } from '../db/failures.ts'
import { asIdentity } from '../session/as-identity.ts'
import { namesOf, parseExpression, qualify, walk, writeExpression } from './policy-ast.ts'
import { isSame, joinOf, type PolicyJoin } from './policy-join.ts'
import { PolicyFunctions } from './policy-functions.ts'
import { NotUnderstood, understand, type Conditions, type Understood } from './policy-sql.ts'
import { readIndirectly } from './read-indirectly.ts'
import { readPolicies, type PolicedRelation, type Policy } from './read-policies.ts'

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
  /** How to ask for all identities at once. Null: one after the other. */
  readonly join: PolicyJoin | null
}

/** A tracked relation that policies read. */
export interface Dependency {
  /** Its columns that matter. Null: any may. */
  readonly columns: ReadonlySet<string> | null
  /** A row concerns only the identities whose claim of this number equals its column. Null: it may concern all. */
  readonly key: DependencyKey | null
}

export interface DependencyKey {
  readonly column: string
  /** Of the column in the relation's key; null if it is not of the primary key. */
  readonly place: number | null
  /** Place in `RowSecurity.claims`. */
  readonly claim: number
}

/**
 * Looks at the policies that decide what a role may select of a relation. Null if row security does not apply to it there.
 */
export async function readRowSecurity(
  client: pg.Pool | pg.ClientBase,
  oid: number,
  role: string,
): Promise<RowSecurity | null> {
  const relations = await readPolicies(client, oid, role)
  const relation = relations.get(oid)
  if (!relation?.isSecured) return null
  const conditions = new Map<Policy, Node>()
  for (const { policies } of relations.values())
    for (const policy of policies) conditions.set(policy, qualify(await parseExpression(policy.condition)))
  const functions = new PolicyFunctions()
  await functions.learn(client, [...conditions.values()])

  const understood = await asFarAsUnderstood(client, role, relation, relations, conditions, functions)
  const surely = whatIsRead(relation, relations, conditions, functions, understood !== null)
  if (surely.isOpaque) {
    const { isItself, unlogged } = await readIndirectly(client, oid, calledBy(relations))
    if (isItself && relation.trackedId !== null)
      surely.dependencies.set(relation.trackedId, { columns: null, key: null })
    surely.unobserved.push(...unlogged)
  }
  if (!understood) return { ...surely, claims: null, join: null }
  const dependencies = new Map(
    [...surely.dependencies].map(([id, dependency]): [number, Dependency] => [
      id,
      { ...dependency, key: keyOf(id, relations, understood) },
    ]),
  )
  return { ...surely, dependencies, claims: understood.claims, join: understood.join }
}

interface Written {
  readonly claims: readonly string[]
  readonly types: readonly ClaimType[]
  readonly keys: Understood['keys']
  readonly join: PolicyJoin | null
}

interface ClaimType {
  /** As SQL writes it after a text that is to be of it: with its collation, if texts are not compared by it as they are otherwise. */
  readonly name: string
  /** It reads as it writes, by what is built in. */
  readonly isPlain: boolean
}

async function asFarAsUnderstood(
  client: pg.Pool | pg.ClientBase,
  role: string,
  relation: PolicedRelation,
  relations: ReadonlyMap<number, PolicedRelation>,
  conditions: Conditions,
  functions: PolicyFunctions,
): Promise<Written | null> {
  let understood: Understood
  try {
    understood = understand(relation, relations, conditions, functions)
  } catch (error) {
    if (error instanceof NotUnderstood) return null
    throw error
  }
  const claims = await allWritten(understood.claims)
  if (!claims) return null
  const types = await typesOf(client, role, claims)
  if (!types) return null
  if (!types.every(({ isPlain }) => isPlain)) return { claims, types, keys: understood.keys, join: null }
  const isOurs = [...relations.values()].every((each) => each.isOpenToServer)
  const names = types.map(({ name }) => name)
  const join = isOurs ? await joinOf(understood.condition, relation, relations, names) : null
  return { claims, types, keys: understood.keys, join }
}

async function allWritten(expressions: readonly Node[]): Promise<string[] | null> {
  const written = await Promise.all(expressions.map(writeExpression))
  return written.every((sql) => sql !== null) ? written : null
}

interface TypeRecord extends ClaimType {
  readonly isCollatable: boolean
}

const typesSql = `
  select format_type(t.oid, -1) as name, t.typcollation <> 0 as "isCollatable",
         e.typtype = 'e' or (e.typtype = 'b' and e.typnamespace = 'pg_catalog'::regnamespace) as "isPlain"
    from unnest($1::oid[]) with ordinality as c (oid, n)
    join pg_type as t on t.oid = c.oid
    join pg_type as e on e.oid = case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem else t.oid end
   order by c.n`

/**
 * As the role, which may call what its policies call: planned, and not evaluated. Null if PostgreSQL refuses it, or if a value
 * could not be told from others by its text, which is without the spaces at the end of a `bpchar`.
 */
async function typesOf(
  client: pg.Pool | pg.ClientBase,
  role: string,
  claims: readonly string[],
): Promise<ClaimType[] | null> {
  if (claims.length === 0) return []
  try {
    const ask = (text: string): Promise<pg.QueryResult> =>
      asIdentity(client, { role, claims: {} }, (client) => client.query(text))
    const { fields } = await ask(`select ${claims.join(', ')} limit 0`)
    // As the server itself, which names these types when it asks.
    const { rows: types } = await client.query<TypeRecord>(typesSql, [
      fields.map(({ dataTypeID }) => dataTypeID),
    ])
    if (types.some(({ name }) => name === 'bpchar')) return null
    const collations = types.map(({ isCollatable }, n) =>
      isCollatable ? `pg_catalog.pg_collation_for(case when false then ${claims[n]} end)` : 'null',
    )
    const { rows } = await ask(`select pg_catalog.json_build_array(${collations.join(', ')}) as all`)
    return types.map((type, n) => collated(type, rows[0]?.all[n] ?? null))
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

/** The names of roles, for one, have a collation of their own, and whatever is made of them. Null: of two, and it is not known by which. */
function collated({ name, isPlain, isCollatable }: TypeRecord, collation: string | null): ClaimType {
  if (!isCollatable || collation === '"default"') return { name, isPlain }
  return { name: `${name} collate ${collation}`, isPlain: isPlain && collation !== null }
}

const systemSchemas = new Set(['pg_catalog', 'information_schema'])

/** What PostgreSQL says that the policies read, and what it does not note. */
function whatIsRead(
  relation: PolicedRelation,
  relations: ReadonlyMap<number, PolicedRelation>,
  conditions: Conditions,
  functions: PolicyFunctions,
  isUnderstood: boolean,
): Omit<RowSecurity, 'claims' | 'join'> & { dependencies: Map<number, Dependency>; unobserved: string[] } {
  const all = [...relations.values()]
  const policies = all.flatMap((each) => each.policies)
  const readers = new Set<number | undefined>() // of claims, and of nothing else
  walk([...conditions.values()], (type, call: FuncCall) => {
    if (type === 'FuncCall' && functions.sourceOfCall(call) !== 'unknown')
      readers.add(functions.oidOf(namesOf(call.funcname)?.join('.') ?? ''))
  })
  const isOpaque =
    !isUnderstood &&
    (all.some(({ kind }) => kind === 'v') ||
      policies.some((policy) => policy.hasOtherNeeds || !policy.functions.every((oid) => readers.has(oid))))
  const unobserved = new Set<string>()
  let readsWholeRows = false
  walk([...conditions.values()], (type, node) => {
    if (type === 'FuncCall') {
      const call: FuncCall = node
      const source = functions.sourceOfCall(call)
      const names = namesOf(call.funcname) ?? []
      if (source === 'time' || (source === 'unknown' && names[0] === 'pg_catalog'))
        unobserved.add(`${names.at(-1)}()`)
    }
    if (type === 'SQLValueFunction' && functions.sourceOfValue(node) === 'time')
      unobserved.add((node as SQLValueFunction).op?.slice('SVFOP_'.length).toLowerCase() ?? 'the time')
    if (type === 'ColumnRef' && !namesOf((node as ColumnRef).fields)) readsWholeRows = true
    if (type === 'RangeVar') {
      const { schemaname = 'pg_catalog', relname } = node as RangeVar
      if (systemSchemas.has(schemaname)) unobserved.add(`${schemaname}.${relname}`)
    }
  })

  const columnsOf = (oid: number): ReadonlySet<string> | null => {
    if (isOpaque || readsWholeRows) return null
    const names = policies.flatMap(({ reads }) =>
      reads.flatMap((read) => (read.oid === oid && read.column !== null ? [read.column] : [])),
    )
    // What is computed of other columns changes with them; and a row's xmin and ctid change with anything.
    const columns = relations.get(oid)?.columns
    return names.every((name) => columns?.get(name)?.isGenerated === false) ? new Set(names) : null
  }
  const dependencies = new Map<number, Dependency>()
  for (const each of all) {
    const name = `${each.schema}.${each.name}`
    const columns = columnsOf(each.oid)
    if (each.trackedId === null && each.kind !== 'v') unobserved.add(name) // what a view reads is found out
    if (each.trackedId === null) continue
    for (const column of each.columns.values())
      if (!column.isLogged && columns?.has(column.name) !== false) unobserved.add(`${name}.${column.name}`)
    if (each === relation) continue
    const before = dependencies.get(each.trackedId) // by way of another partition
    const both = before?.columns && columns && new Set([...before.columns, ...columns])
    dependencies.set(each.trackedId, { columns: before ? (both ?? null) : columns, key: null })
  }
  return { columns: columnsOf(relation.oid), dependencies, unobserved: [...unobserved], isOpaque }
}

function calledBy(relations: ReadonlyMap<number, PolicedRelation>): { functions: number[]; views: number[] } {
  const all = [...relations.values()]
  return {
    functions: all.flatMap(({ policies }) => policies.flatMap(({ functions }) => functions)),
    views: all.flatMap(({ oid, kind, schema }) => (kind === 'v' && !systemSchemas.has(schema) ? [oid] : [])),
  }
}

function keyOf(
  id: number,
  relations: ReadonlyMap<number, PolicedRelation>,
  { keys, types }: Written,
): DependencyKey | null {
  const [relation, ...more] = [...relations.values()].filter(({ trackedId }) => trackedId === id)
  if (!relation || more.length > 0) return null
  const fitting = (keys.get(relation.oid) ?? []).find((key) => {
    const column = relation.columns.get(key.column)
    return column !== undefined && isSame(column, types[key.claim]?.name ?? '', false)
  })
  if (!fitting) return null
  const place = relation.keyColumns.indexOf(fitting.column)
  return { ...fitting, place: place === -1 ? null : place }
}
