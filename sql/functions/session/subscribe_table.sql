-- Follows a table: row_insert, row_delete and field_update of its rows. Gives the subscription's id.

create or replace function event.subscribe_table(session uuid, relation regclass) returns text
language sql set search_path = pg_catalog, pg_temp
as $$ select event.add_subscription(session, 'table', relation, null, null) $$;

create or replace function event.subscribe_table(session uuid, relation meta.relation_id) returns text
language sql set search_path = pg_catalog, pg_temp
as $$ select event.subscribe_table(session, event.named_relation((relation).schema_name, (relation).relation_name)) $$;

-- As SQL writes a table: public.person, or person, found by the caller's search_path.
create or replace function event.subscribe_table(session uuid, relation text) returns text
language sql
as $$ select event.subscribe_table(session, relation::regclass) $$;
