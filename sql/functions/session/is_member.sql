-- May this role act as one of those? Roles that are gone count for nothing.
create or replace function event.is_member(role name, of_roles name[]) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_catalog.pg_roles as r
    where r.rolname = any (is_member.of_roles) and pg_has_role(is_member.role, r.oid, 'member')
  )
$$;

revoke execute on function event.is_member(name, name[]) from public;
