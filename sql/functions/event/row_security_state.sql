-- A short text that changes whenever row security may come to show something else without a row having changed: with the
-- policies, with the roles that are exempt, with any function of an application's, which a policy may call by way of
-- another, and with the rights to a relation that a policy reads, its shape and its being tracked.
create or replace function event.row_security_state() returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select md5(concat_ws(' ',
    (
      select string_agg(md5(concat_ws(' ', p.oid, p.polrelid, p.polcmd, p.polpermissive, p.polroles, p.polqual)), ' ' order by p.oid)
      from pg_catalog.pg_policy as p
    ),
    (
      select string_agg(concat_ws(' ', r.oid, r.rolsuper, r.rolbypassrls, r.rolinherit), ' ' order by r.oid)
      from pg_catalog.pg_roles as r
      where r.rolsuper or r.rolbypassrls or not r.rolinherit
    ),
    (
      select string_agg(f.oid || ' ' || f.xmin::text, ' ' order by f.oid)
      from pg_catalog.pg_proc as f
      join pg_catalog.pg_namespace as n on n.oid = f.pronamespace
      where n.nspname not in ('pg_catalog', 'information_schema', 'event', 'meta') and n.nspname not like 'pg\_temp\_%'
    ),
    (
      select string_agg(
        concat_ws(' ', c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity, event.shape(c.oid),
          (select string_agg(a.attname || a.attacl::text, ' ' order by a.attnum) from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attacl is not null),
          (select string_agg(i.xmin::text, ' ' order by i.indexrelid) from pg_catalog.pg_index as i where i.indrelid = c.oid and i.indisunique),
          exists (select from event.tracked_relation as t where t.oid = c.oid)),
        ' ' order by c.oid)
      from pg_catalog.pg_class as c
      where c.oid in (
        select d.refobjid from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_policy'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass)
    )));
$$;

revoke execute on function event.row_security_state() from public;
