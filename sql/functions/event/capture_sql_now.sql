-- event.capture_sql() for a tracked relation as it is now. Warns, and is null, if nothing names its rows any more.
create or replace function event.capture_sql_now(
  relation_id integer, command text, names text[], types oid[], truncated regclass default null
) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_relation regclass := (select r.oid from event.tracked_relation as r where r.id = relation_id);
  v_sql text := event.capture_sql(v_relation, relation_id, command, names, types, truncated);
begin
  if v_sql is null then
    raise warning 'Rowcast cannot capture changes of %: it has no primary key any more', v_relation
      using hint = 'Give it one and call event.track(), or call event.untrack().';
  end if;
  return v_sql;
end;
$$;

revoke execute on function event.capture_sql_now(integer, text, text[], oid[], regclass) from public;
