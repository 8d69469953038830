-- Names a field: a row, as meta.row_id names it, and a column of it.

create or replace function meta.field_id(schema_name text, relation_name text, key jsonb, column_name text) returns meta.field_id
language sql immutable strict parallel safe
as $$ select row(schema_name, relation_name, meta.checked_key(key), column_name)::meta.field_id $$;

create or replace function meta.field_id(schema_name text, relation_name text, key text, column_name text) returns meta.field_id
language sql immutable strict parallel safe
as $$ select meta.field_id(schema_name, relation_name, jsonb_build_array(key), column_name) $$;

create or replace function meta.field_id(schema_name text, relation_name text, key anyelement, column_name text) returns meta.field_id
language sql immutable strict parallel safe
as $$ select meta.field_id(schema_name, relation_name, jsonb_build_array(meta.encode_value(key)), column_name) $$;

create or replace function meta.field_id(schema_name text, relation_name text, key1 text, key2 anycompatible, column_name text) returns meta.field_id
language sql immutable strict parallel safe
as $$ select meta.field_id(schema_name, relation_name, jsonb_build_array(key1, meta.encode_value(key2)), column_name) $$;

create or replace function meta.field_id(schema_name text, relation_name text, key1 anyelement, key2 anycompatible, column_name text) returns meta.field_id
language sql immutable strict parallel safe
as $$ select meta.field_id(schema_name, relation_name, jsonb_build_array(meta.encode_value(key1), meta.encode_value(key2)), column_name) $$;
