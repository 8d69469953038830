-- For each of these tracked relations a text, the same for all roles, that is another one as soon as anything has changed of what
-- it is to any role, but for what policies call or read by way of something else.
--
-- Asked with each batch: so it adds up the transaction ids of catalogue rows and looks into none, and is planned once in a connection,
-- since planning takes longer than running it: for a few relations, however many there are.
create or replace function event.relation_marks(relation_ids integer[]) returns table (id integer, mark text)
language plpgsql stable set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
#variable_conflict use_column
begin
  return query
  with
    relation as materialized (
      select r.id, r.oid, r.xmin as tracked, c.xmin as class, n.xmin as namespace, c.relrowsecurity as is_secured
        from event.tracked_relation as r
        join pg_class as c on c.oid = r.oid
        join pg_namespace as n on n.oid = c.relnamespace
       where r.id = any (relation_ids)
    ),
    -- Whatever is secured: a policy may read a table that has policies.
    policed as materialized (
      select p.xmin from pg_policy as p where exists (select from relation as r where r.is_secured)
      union all
      select x.xmin
        from (
          select distinct d.refclassid as class, d.refobjid as oid from pg_depend as d
           where d.classid = 'pg_policy'::regclass and exists (select from relation as r where r.is_secured)
        ) as d
       cross join lateral (
         select c.xmin from pg_class as c where d.class = 'pg_class'::regclass and c.oid = d.oid
         union all
         select a.xmin from pg_attribute as a where d.class = 'pg_class'::regclass and a.attrelid = d.oid and a.attnum > 0
         union all
         select w.xmin from pg_rewrite as w where d.class = 'pg_class'::regclass and w.ev_class = d.oid
         union all
         select f.xmin from pg_proc as f where d.class = 'pg_proc'::regclass and f.oid = d.oid
       ) as x
    ),
    -- Their rows say whom nothing is hidden from; they do not show which transaction wrote them.
    special as materialized (
      select md5(string_agg(concat_ws(' ', o.oid, o.rolsuper, o.rolbypassrls, o.rolinherit), ' ' order by o.oid)) as roles
        from pg_roles as o where o.rolsuper or o.rolbypassrls or not o.rolinherit
    ),
    mark as (
      select r.id, x.xmin::text::bigint as xid
        from relation as r
       cross join lateral (
         select r.tracked union all select r.class union all select r.namespace
         union all
         select a.xmin from pg_attribute as a where a.attrelid = r.oid and a.attnum > 0
         union all
         select m.xmin from pg_auth_members as m
         union all
         select p.xmin from policed as p where r.is_secured
       ) as x (xmin)
    )
  select m.id, concat_ws(' ', count(*), sum(m.xid), (select s.roles from special as s)) as mark from mark as m group by m.id;
end;
$$;

revoke execute on function event.relation_marks(integer[]) from public;
