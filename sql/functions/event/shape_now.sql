-- The shape of a relation, asked for each time: for one that has a composite type, since PostgreSQL keeps its plans when
-- that is altered.
create or replace function event.shape_now(relation oid) returns text
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  return event.shape(shape_now.relation);
end;
$$;

revoke execute on function event.shape_now(oid) from public;
