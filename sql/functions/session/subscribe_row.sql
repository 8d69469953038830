-- Follows a row: field_update, row_delete, and row_insert when it appears. Gives the subscription's id. A row
-- that is not there may be followed; a notice says so.

create or replace function event.subscribe_row(session uuid, row_id meta.row_id) returns text
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_relation constant regclass := event.named_relation((row_id).schema_name, (row_id).relation_name);
begin
  return event.subscribe_to_key(session, 'row', v_relation, (row_id).key, null);
end;
$$;

-- As text: public.person.3
create or replace function event.subscribe_row(session uuid, row_id text) returns text
language sql set search_path = pg_catalog, pg_temp
as $$ select event.subscribe_row(session, row_id::meta.row_id) $$;
