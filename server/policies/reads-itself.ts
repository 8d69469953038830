import type pg from 'pg'

const kinds = ['function', 'view', 'policy'] as const
type Kind = (typeof kinds)[number]

interface Defined {
  readonly kind: Kind
  readonly oid: number
  /** By which a text would name it: of a policy, its table's. */
  readonly name: string
  /** It stands behind an operator or a cast, and works without being named. */
  readonly isUnnamed: boolean
}

/** What an application has defined itself. In immutable functions in C nothing is read. */
const definedSql = `
  select 'function' as kind, p.oid::int8::float8 as oid, lower(p.proname) as name,
         l.lanname in ('sql', 'plpgsql') and (p.oid in (select o.oprcode from pg_operator as o)
           or p.oid in (select c.castfunc from pg_cast as c)) as "isUnnamed"
    from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace join pg_language as l on l.oid = p.prolang
   where n.nspname not in ('pg_catalog', 'information_schema', 'event', 'meta')
     and not (p.provolatile = 'i' and l.lanname in ('internal', 'c'))
  union all
  select 'view', c.oid::int8::float8, lower(c.relname), false
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
   where c.relkind in ('v', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'event', 'meta')
  union all
  select 'policy', p.oid::int8::float8, lower(c.relname), false
    from pg_policy as p join pg_class as c on c.oid = p.polrelid`

/** Null: in a language that cannot be read. */
const sourcesSql = `
  select case when l.lanname in ('sql', 'plpgsql') then lower(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)) end as source
    from pg_proc as p join pg_language as l on l.oid = p.prolang where p.oid = any ($1::oid[])
  union all
  select lower(pg_get_viewdef(v.oid)) from unnest($2::oid[]) as v (oid)
  union all
  select lower(coalesce(pg_get_expr(p.polqual, p.polrelid), '')) from pg_policy as p where p.oid = any ($3::oid[])`

/** Those of the relation, of what it is a partition of, and of its partitions. */
const ownNamesSql = `
  select replace(lower(c.relname), '"', '""') as name from pg_class as c
   where c.oid = any (array[$1::oid] || array(select t.relid::oid from pg_partition_tree($1::oid::regclass) as t)
     || array(select a.relid::oid from pg_partition_ancestors($1::oid::regclass) as a))`

/** It makes up its SQL as it runs. */
const dynamic = /\b(execute|query_to_xml\w*|dblink\w*)\b/

/**
 * Whether a policy of a relation may read that relation, by way of functions or views. That it has been read does not tell:
 * whoever selects from it has read it. Of a table of members, for one, others are often shown to whoever is a member himself.
 *
 * It looks for names in the texts of functions, views and policies, of those that are named there, and so on. What makes up
 * its SQL as it runs, and what is in no language that can be read, may read anything. Asked step by step: one recursive query
 * looks so dear to PostgreSQL that it may compile it first, for seconds.
 */
export async function mayReadItself(
  client: pg.ClientBase | pg.Pool,
  oid: number,
  called: { readonly functions: readonly number[]; readonly views: readonly number[] },
): Promise<boolean> {
  const { rows: ownNames } = await client.query<{ name: string }>(ownNamesSql, [oid])
  const { rows: defined } = await client.query<Defined>(definedSql)
  const unnamed = defined.flatMap((each) => (each.isUnnamed ? [each.oid] : []))
  const left = new Set(defined)
  let oids: Record<Kind, readonly number[]> = {
    function: [...called.functions, ...unnamed],
    view: called.views,
    policy: [],
  }
  while (kinds.some((kind) => oids[kind].length > 0)) {
    const values = kinds.map((kind) => oids[kind])
    const { rows } = await client.query<{ source: string | null }>(sourcesSql, values)
    for (const { source } of rows)
      if (source === null || dynamic.test(source) || ownNames.some(({ name }) => source.includes(name)))
        return true
    const named = [...left].filter(({ name }) => rows.some(({ source }) => source?.includes(name)))
    for (const each of named) left.delete(each)
    const of = (kind: Kind): number[] => named.flatMap((each) => (each.kind === kind ? [each.oid] : []))
    oids = { function: of('function'), view: of('view'), policy: of('policy') }
  }
  return false
}
