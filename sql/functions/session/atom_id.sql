-- The canonical text of a row's id, or of a field's, from what the change log has of it.
create or replace function event.atom_id(relation text, key text, column_name text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$ select relation || '.' || meta.format_key(key::jsonb) || coalesce('.' || meta.escape_name(column_name), '') $$;

revoke execute on function event.atom_id(text, text, text) from public;
