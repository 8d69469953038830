-- Grants a role what a server's database user needs of Rowcast's schemas, and gives the statements that did it. To be called by the
-- owner of the schemas. Harmless to repeat; and migrating does so for those that were granted it before, since a new release
-- may need more. `drop owned by` takes it all back.
--
-- Besides, the role must be a member of the roles that authenticate() gives.
create or replace function event.grant_server(role name) returns setof text
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_statement text;
begin
  if not exists (select from pg_roles as r where r.rolname = grant_server.role) then
    raise exception using errcode = 'undefined_object', message = format('role %I does not exist', role),
      hint = format('Create it: create role %I login noinherit;', role);
  end if;
  if not pg_has_role(event.keeper(), 'usage') then
    raise exception using errcode = 'insufficient_privilege',
      message = format('only %I, who owns Rowcast''s schemas, can let a role run a server', event.keeper());
  end if;
  for v_statement in
    select format('grant %s on %s %s to %I', array_to_string(g.privileges, ', '), g.kind, string_agg(g.object, ', ' order by g.object), role)
    from event.server_grants() as g
    group by g.kind, g.privileges
    order by array_position('{schema,table,sequence,function}', g.kind), cardinality(g.privileges) desc
  loop
    execute v_statement;
    return next v_statement;
  end loop;
end;
$$;

revoke execute on function event.grant_server(name) from public;
