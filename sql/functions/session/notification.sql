-- A change as it is announced: JSON. What NOTIFY cannot carry is left out, and "truncated" says to read the inbox.
create or replace function event.notification(
  seq bigint, xid xid8, op event.operation, kind text, id text, subscriptions text[], data json
) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit constant integer := 7999;
  v_start constant text := format('{"seq":%s,"transaction":"%s","op":"%s","kind":"%s"', seq, xid, op, kind);
  v_names constant text := format(',"id":%s,"subscriptions":%s', to_json(id), to_json(subscriptions));
  v_all constant text := v_start || v_names || coalesce(',"data":' || data, '') || '}';
begin
  return case
    when octet_length(v_all) <= v_limit then v_all
    when octet_length(v_start || v_names) <= v_limit - 20 then v_start || v_names || ',"truncated":true}'
    else v_start || ',"truncated":true}'
  end;
end;
$$;

revoke execute on function event.notification(bigint, xid8, event.operation, text, text, text[], json) from public;
