-- Does row security apply to this relation for this role?
create or replace function event.is_secured(relation oid, role name) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
return (
  select c.relrowsecurity and not r.rolsuper and not r.rolbypassrls
    and (c.relforcerowsecurity or not pg_has_role(r.oid, c.relowner, 'usage'))
  from pg_catalog.pg_class as c
  cross join pg_catalog.pg_roles as r
  where c.oid = is_secured.relation and r.rolname = is_secured.role
);

revoke execute on function event.is_secured(oid, name) from public;
