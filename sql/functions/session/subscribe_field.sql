-- Follows a field: field_update of it, row_delete of its row, and row_insert (of which it shows the key and this
-- column) when the row appears. Gives the subscription's id. A row that is not there may be followed; a notice
-- says so.

create or replace function event.subscribe_field(session uuid, field_id meta.field_id) returns text
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_relation constant regclass := event.named_relation((field_id).schema_name, (field_id).relation_name);
begin
  return event.subscribe_to_key(session, 'field', v_relation, (field_id).key, (field_id).column_name);
end;
$$;

-- As text: public.person.3.name
create or replace function event.subscribe_field(session uuid, field_id text) returns text
language sql set search_path = pg_catalog, pg_temp
as $$ select event.subscribe_field(session, field_id::meta.field_id) $$;
