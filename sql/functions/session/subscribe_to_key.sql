-- Follows a row, or one field of it, whose key may be written in any way that its types take.
create or replace function event.subscribe_to_key(session uuid, kind text, relation regclass, key jsonb, column_name text) returns text
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_key record;
  v_id text;
begin
  -- First of all whether it may be followed: the key is looked up with the caller's own rights.
  perform event.require_subscribable(session, relation, column_name);
  select * into v_key from event.resolve_key(relation, key);
  v_id := event.add_subscription(session, kind, relation, v_key.key_text, column_name);
  if not v_key.is_present then
    raise notice using message = format('there is no row %s in %s yet', v_key.key_text, relation);
  end if;
  return v_id;
end;
$$;
