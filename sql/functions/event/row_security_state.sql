-- A short text that changes whenever row security may come to show something else without a row having changed: with the
-- policies, with any function and any view of an application's, which a policy may read by way of another, with the rights to
-- schemas, and of a relation that is tracked or that a policy reads with the rights to it, its shape and its being tracked; and
-- with whether the current user may read all of it, which decides how it is asked.
--
-- It is asked for several times a second: what it looks at is found by indexes, its plan is kept, and of what is only ever
-- replaced, the version is enough.
create or replace function event.row_security_state() returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with
      relation as materialized (
        select d.refobjid as oid from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_policy'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
        union
        select t.oid from event.tracked_relation as t
      )
    select md5(concat_ws(' ',
      (select string_agg(p.oid || '/' || p.xmin::text, ' ' order by p.oid) from pg_catalog.pg_policy as p),
      (
        -- Those that came with PostgreSQL have lower numbers, and are changed by nobody.
        select string_agg(f.oid || '/' || f.xmin::text, ' ' order by f.oid)
        from pg_catalog.pg_proc as f
        where f.oid >= 16384 and f.pronamespace not in ('event'::regnamespace, 'meta'::regnamespace)
      ),
      (
        -- What a view reads is its rule's; whose rights it reads by, its own.
        select string_agg(w.oid || '/' || w.xmin::text || '/' || c.xmin::text, ' ' order by w.oid)
        from pg_catalog.pg_rewrite as w
        join pg_catalog.pg_class as c on c.oid = w.ev_class
        where w.oid >= 16384 and c.relkind = 'v' and c.relnamespace not in ('event'::regnamespace, 'meta'::regnamespace)
      ),
      (select string_agg(n.oid || '/' || n.xmin::text, ' ' order by n.oid) from pg_catalog.pg_namespace as n where n.nspname !~ '^pg_'),
      (
        select string_agg(
          concat_ws(' ', c.oid, c.relname, c.relnamespace, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, t.id,
            row_security_active(c.oid), has_table_privilege(c.oid, 'select'), has_schema_privilege(c.relnamespace, 'usage')),
          ' ' order by c.oid)
        from relation as r
        join pg_catalog.pg_class as c on c.oid = r.oid
        left join event.tracked_relation as t on t.oid = c.oid
      ),
      (
        select string_agg(a.attrelid || '.' || a.attnum || '/' || a.xmin::text, ' ' order by a.attrelid, a.attnum)
        from relation as r
        join pg_catalog.pg_attribute as a on a.attrelid = r.oid and a.attnum > 0
      ),
      (
        select string_agg(i.indexrelid || '/' || i.xmin::text, ' ' order by i.indexrelid)
        from relation as r
        join pg_catalog.pg_index as i on i.indrelid = r.oid and i.indisunique
      )))
  );
end;
$$;

revoke execute on function event.row_security_state() from public;
