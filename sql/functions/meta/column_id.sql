create or replace function meta.column_id(schema_name text, relation_name text, column_name text) returns meta.column_id
language sql immutable strict parallel safe
as $$ select row(schema_name, relation_name, column_name)::meta.column_id $$;
