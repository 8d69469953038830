-- The roles that event.grant_server() has made fit to run a server: PostgreSQL's own lists of grants tell.
create or replace function event.server_roles() returns setof name
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select pg_get_userbyid(g.grantee)
  from pg_class as c
  cross join aclexplode(c.relacl) as g
  where c.oid = 'event.session'::regclass and g.privilege_type = 'DELETE' and g.grantee not in (0, c.relowner)
  order by 1;
$$;

revoke execute on function event.server_roles() from public;
