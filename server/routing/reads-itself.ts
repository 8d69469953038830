import type pg from 'pg'

/**
 * All that a policy's functions and views may come to: those that are named in the text of one of them, and so on, policies
 * of tables that are named there, and what stands behind operators and casts. Whatever is in no language that can be read, or
 * makes up its SQL as it runs, may read anything.
 */
const sql = `
  with recursive
    own as materialized (
      select 'f' as kind, p.oid, lower(p.proname) as name from pg_proc as p
       where p.pronamespace not in (select n.oid from pg_namespace as n where n.nspname in ('pg_catalog', 'information_schema', 'event', 'meta'))
      union all
      select 'v', c.oid, lower(c.relname) from pg_class as c
       where c.relkind in ('v', 'm')
         and c.relnamespace not in (select n.oid from pg_namespace as n where n.nspname in ('pg_catalog', 'information_schema', 'event', 'meta'))
      union all
      select 'p', p.oid, lower(c.relname) from pg_policy as p join pg_class as c on c.oid = p.polrelid
    ),
    unnamed (oid) as materialized (
      select o.oprcode::oid from pg_operator as o union select c.castfunc from pg_cast as c
    ),
    reached as (
      select 'f' as kind, f.oid from unnest($2::oid[]) as f (oid)
      union
      select 'v', v.oid from unnest($3::oid[]) as v (oid)
      union
      select 'f', o.oid from own as o join unnamed as u on u.oid = o.oid
        join pg_proc as p on p.oid = o.oid join pg_language as l on l.oid = p.prolang
       where o.kind = 'f' and l.lanname in ('sql', 'plpgsql')
      union
      select o.kind, o.oid from reached as r cross join lateral (${sourceOf('r')}) as s (source)
        join own as o on strpos(s.source, o.name) > 0
    )
  select coalesce(bool_or(
      s.source is null or s.source ~ '\\m(execute|query_to_xml\\w*|dblink\\w*)\\M' or exists (
        select from pg_class as c
         where (c.oid = $1 or c.oid in (select t.relid from pg_partition_tree($1::oid) as t)
                or c.oid in (select a.relid from pg_partition_ancestors($1::oid) as a))
           and strpos(s.source, replace(lower(c.relname), '"', '""')) > 0)), false) as "mayRead"
    from reached as r cross join lateral (${sourceOf('r')}) as s (source)`

/** Null if it cannot be read. */
function sourceOf(alias: string): string {
  return `select case ${alias}.kind when 'v' then lower(pg_get_viewdef(${alias}.oid))
    when 'p' then (select lower(coalesce(pg_get_expr(p.polqual, p.polrelid), '')) from pg_policy as p where p.oid = ${alias}.oid)
    else (
      select case when l.lanname in ('sql', 'plpgsql') then lower(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)) end
        from pg_proc as p join pg_language as l on l.oid = p.prolang where p.oid = ${alias}.oid) end`
}

/**
 * Whether a policy of a relation may read that relation, by way of functions or views. That it has been read does not tell:
 * whoever selects from it has read it. Of a table of members, for one, others are often shown to whoever is a member himself.
 */
export async function mayReadItself(
  client: pg.ClientBase | pg.Pool,
  oid: number,
  { functions, views }: { readonly functions: readonly number[]; readonly views: readonly number[] },
): Promise<boolean> {
  const { rows } = await client.query<{ mayRead: boolean }>(sql, [oid, functions, views])
  return rows[0]?.mayRead ?? true
}
