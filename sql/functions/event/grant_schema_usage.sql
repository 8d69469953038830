-- Lets Rowcast look into the schema of a table that is to be tracked, unless it may. Of the tables there, it may read those
-- that are tracked.
create or replace function event.grant_schema_usage(relation regclass) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema regnamespace := (select c.relnamespace from pg_class as c where c.oid = relation);
begin
  if has_schema_privilege(event.keeper(), v_schema, 'usage') then
    return;
  elsif not (select pg_has_role(n.nspowner, 'usage') from pg_namespace as n where n.oid = v_schema) then
    raise exception using errcode = 'insufficient_privilege',
      message = format('%s cannot be tracked: role %I may not use schema %s', relation, event.keeper(), v_schema),
      hint = format('As owner of the schema: grant usage on schema %s to %I.', v_schema, event.keeper());
  end if;
  execute format('grant usage on schema %s to %I', v_schema, event.keeper());
end;
$$;

grant execute on function event.grant_schema_usage(regclass) to public;
