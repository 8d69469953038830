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

interface Source {
  readonly name: string
  /** Null: in a language that cannot be read. */
  readonly source: string | null
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

const sourcesSql = `
  select format('%I.%I()', n.nspname, p.proname) as name,
         case when l.lanname in ('sql', 'plpgsql')
              then lower(concat_ws(' ', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), pg_get_expr(p.proargdefaults, 0))) end as source
    from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace join pg_language as l on l.oid = p.prolang
   where p.oid = any ($1::oid[])
  union all
  select format('%I.%I', n.nspname, c.relname), lower(pg_get_viewdef(c.oid))
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = any ($2::oid[])
  union all
  select format('the policy %I', p.polname), lower(coalesce(pg_get_expr(p.polqual, p.polrelid), ''))
    from pg_policy as p where p.oid = any ($3::oid[])`

/** Those of the relation, of what it is a partition of, and of its partitions. */
const ownNamesSql = `
  select replace(lower(c.relname), '"', '""') as name from pg_class as c
   where c.oid = any (array[$1::oid] || array(select t.relid::oid from pg_partition_tree($1::oid::regclass) as t)
     || array(select a.relid::oid from pg_partition_ancestors($1::oid::regclass) as a))`

/** It makes up its SQL as it runs. */
const dynamic = /\b(execute|query_to_xml\w*|dblink\w*)\b/

/** The time, chance, and PostgreSQL's own tables and functions about these, of roles for instance. */
const unloggedWords = [
  /(?<![\w$])(?<what>now|age|timeofday|(?:clock|statement|transaction)_timestamp|random\w*)"?\s*\(/g,
  /(?<![\w$])(?<what>current_(?:date|time(?:stamp)?)|localtime(?:stamp)?|pg_(?!catalog\b|temp\b)\w+|information_schema)(?![\w$])/g,
  /'(?<what>now|today|tomorrow|yesterday)'/g,
]

/** What policies may read by way of functions and views. */
export interface ReadIndirectly {
  /**
   * The relation that they protect. That it has been read does not tell: whoever selects from it has read it. Of a table of
   * members, for one, others are often shown to whoever is a member himself.
   */
  readonly isItself: boolean
  /** What no log tells, but for tables: what these read is found out when they run. Named for the server's log. */
  readonly unlogged: readonly string[]
}

/**
 * Looks for names in the texts of functions, views and policies, of those that are named there, and so on. What makes up
 * its SQL as it runs, and what is in no language that can be read, may read anything. Asked step by step: one recursive query
 * looks so dear to PostgreSQL that it may compile it first, for seconds.
 *
 * @param oid of the relation that the policies protect
 */
export async function readIndirectly(
  client: pg.ClientBase | pg.Pool,
  oid: number,
  called: { readonly functions: readonly number[]; readonly views: readonly number[] },
): Promise<ReadIndirectly> {
  const { rows: ownNames } = await client.query<{ name: string }>(ownNamesSql, [oid])
  const { rows: defined } = await client.query<Defined>(definedSql)
  const unnamed = defined.flatMap((each) => (each.isUnnamed ? [each.oid] : []))
  const left = new Set(defined)
  const unlogged = new Set<string>()
  let isItself = false
  let oids: Record<Kind, readonly number[]> = {
    function: [...called.functions, ...unnamed],
    view: called.views,
    policy: [],
  }
  while (kinds.some((kind) => oids[kind].length > 0)) {
    const values = kinds.map((kind) => oids[kind])
    const { rows } = await client.query<Source>(sourcesSql, values)
    for (const { name, source } of rows) {
      for (const what of unloggedIn(source)) unlogged.add(`${what} in ${name}`)
      isItself ||=
        source === null || dynamic.test(source) || ownNames.some((own) => isNamed(own.name, source))
    }
    const named = [...left].filter(({ name }) => rows.some(({ source }) => isNamed(name, source ?? '')))
    for (const each of named) left.delete(each)
    const of = (kind: Kind): number[] => named.flatMap((each) => (each.kind === kind ? [each.oid] : []))
    oids = { function: of('function'), view: of('view'), policy: of('policy') }
  }
  return { isItself, unlogged: [...unlogged] }
}

function unloggedIn(source: string | null): Iterable<string> {
  if (source === null) return ['what cannot be read']
  const found = unloggedWords.flatMap((words) =>
    [...source.matchAll(words)].map(({ groups }) => groups?.['what'] ?? ''),
  )
  return new Set(dynamic.test(source) ? [...found, 'what is made up as it runs'] : found)
}

/** As a word, not within one. */
function isNamed(name: string, source: string): boolean {
  const isPart = (character = ' '): boolean => /[\w$\u0080-\uffff]/.test(character)
  for (let at = source.indexOf(name); at !== -1; at = source.indexOf(name, at + 1))
    if (!isPart(source[at - 1]) && !isPart(source[at + name.length])) return true
  return false
}
