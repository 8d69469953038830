-- What the policies of a relation are to a role that selects from it, and what PostgreSQL knows of all that they read: one
-- row for each relation, this one and those that its policies read, and the policies of those, as far as they apply.
-- Conditions are written with every name qualified that is not built in.
create or replace function event.policies(relation oid, role name)
returns table (
  oid oid, schema name, name name, kind "char", tracked_id integer, is_secured boolean, has_children boolean, is_open boolean, columns jsonb,
  unique_keys jsonb, policies jsonb)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recursive
    applied as materialized (
      select p.oid, p.polrelid as relation, p.polpermissive as is_permissive, p.polqual as condition
      from pg_catalog.pg_policy as p
      where p.polcmd in ('r', '*') and p.polqual is not null
        and (p.polroles = '{0}' or exists (
          select from unnest(p.polroles) as m (oid) where pg_has_role(policies.role, m.oid, 'usage')))
        and event.is_secured(p.polrelid, policies.role)
    ),
    needed as materialized (
      select distinct a.oid as policy, a.relation, d.refclassid as class, d.refobjid as oid, d.refobjsubid as part
      from applied as a
      join pg_catalog.pg_depend as d on d.classid = 'pg_catalog.pg_policy'::regclass and d.objid = a.oid
        and d.deptype = 'n'
    ),
    reached as (
      select policies.relation as oid
      union
      select n.oid from reached as r join needed as n on n.relation = r.oid
      where n.class = 'pg_catalog.pg_class'::regclass
    )
  select c.oid, s.nspname, c.relname, c.relkind, t.id, event.is_secured(c.oid, policies.role),
    exists (select from pg_catalog.pg_inherits as i where i.inhparent = c.oid),
    has_table_privilege(c.oid, 'select') and has_schema_privilege(s.oid, 'usage') and not row_security_active(c.oid),
    (
      select jsonb_agg(jsonb_build_object(
        'name', a.attname, 'type', format_type(a.atttypid, -1), 'isGenerated', a.attgenerated <> '',
        'isBytewise', coalesce((select l.collisdeterministic from pg_catalog.pg_collation as l where l.oid = a.attcollation), true),
        'hasOwnCollation', a.attcollation not in (0, 'pg_catalog."default"'::regcollation),
        'isLogged', t.oid is not null and a.attname <> all (x.excepted),
        'isGranted', has_column_privilege(policies.role, c.oid, a.attnum, 'select')) order by a.attnum)
      from pg_catalog.pg_attribute as a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    ),
    (
      select jsonb_agg(
        (select jsonb_agg(a.attname) from pg_catalog.pg_attribute as a where a.attrelid = c.oid and a.attnum = any (i.indkey)))
      from pg_catalog.pg_index as i
      where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indisvalid and i.indpred is null and i.indexprs is null
        and i.indnkeyatts = i.indnatts
    ),
    (
      select jsonb_agg(jsonb_build_object(
        'isPermissive', p.is_permissive,
        'condition', pg_get_expr(p.condition, p.relation),
        'reads', (
          select jsonb_agg(jsonb_build_object('oid', n.oid::int8, 'column', a.attname))
          from needed as n
          left join pg_catalog.pg_attribute as a on a.attrelid = n.oid and a.attnum = n.part and n.part <> 0
          where n.policy = p.oid and n.class = 'pg_catalog.pg_class'::regclass),
        -- Also those that stand behind an operator or a cast. What is built in is not noted.
        'functions', (
          select jsonb_agg(distinct f.oid::int8)
          from needed as n
          left join pg_catalog.pg_operator as o on n.class = 'pg_catalog.pg_operator'::regclass and o.oid = n.oid
          join pg_catalog.pg_proc as f on f.oid = case when n.class = 'pg_catalog.pg_proc'::regclass then n.oid else o.oprcode end
          join pg_catalog.pg_language as l on l.oid = f.prolang
          where n.policy = p.oid and not (f.provolatile = 'i' and l.lanname in ('internal', 'c'))),
        'hasOtherNeeds', exists (
          select from needed as n
          where n.policy = p.oid
            and n.class not in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_proc'::regclass, 'pg_catalog.pg_operator'::regclass)
            and not (n.class = 'pg_catalog.pg_type'::regclass
              and exists (
                select from pg_catalog.pg_type as y
                join pg_catalog.pg_type as e on e.oid = case when y.typcategory = 'A' then y.typelem else y.oid end
                join pg_catalog.pg_proc as f on f.oid = e.typinput
                join pg_catalog.pg_language as l on l.oid = f.prolang
                where y.oid = n.oid and e.typtype in ('b', 'e') and l.lanname in ('internal', 'c'))))
      ) order by p.oid)
      from applied as p
      where p.relation = c.oid
    )
  from reached as r
  join pg_catalog.pg_class as c on c.oid = r.oid
  join pg_catalog.pg_namespace as s on s.oid = c.relnamespace
  left join event.tracked_relation as t
    on t.oid = c.oid or t.oid in (select a.relid from pg_catalog.pg_partition_ancestors(c.oid) as a)
  cross join lateral (select event.excepted_columns(t.oid)) as x (excepted)
$$;

revoke execute on function event.policies(oid, name) from public;
