-- See event.row_expression(); of the relation, or of a transition table with these columns.
create or replace function event.row_sql(relation regclass, alias text, names text[] default null, types oid[] default null) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_columns text := event.row_columns(relation, alias, names, types);
begin
  -- Listed rather than as "alias.*", where that has a column more than these.
  return format('(select pg_catalog.row_to_json(r.*) from (select %s) as r)', coalesce(v_columns, (
    select string_agg(format('%1$I.%2$I as %2$I', alias, c.name), ', ' order by c.place)
    from event.relation_columns(relation, names, types) as c
  )));
end;
$$;

revoke execute on function event.row_sql(regclass, text, text[], oid[]) from public;
