-- Follows a column: field_update of it, row_insert (of which it shows the key and this column) and row_delete.
-- Gives the subscription's id.

create or replace function event.subscribe_column(session uuid, column_id meta.column_id) returns text
language sql set search_path = pg_catalog, pg_temp
as $$
  select event.add_subscription(session, 'column', event.named_relation((column_id).schema_name, (column_id).relation_name),
    null, (column_id).column_name)
$$;

-- As text: public.person.name
create or replace function event.subscribe_column(session uuid, column_id text) returns text
language sql set search_path = pg_catalog, pg_temp
as $$ select event.subscribe_column(session, column_id::meta.column_id) $$;
