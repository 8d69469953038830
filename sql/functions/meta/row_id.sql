-- Names a row. One or two key values of any types are given as they are; any number of them, already
-- encoded, as one JSON array: meta.row_id('public', 'line', '[3, "a", true]'::jsonb). The overloads for
-- text are there for literals, which have no type of their own.

create or replace function meta.row_id(schema_name text, relation_name text, key jsonb) returns meta.row_id
language sql immutable strict parallel safe
as $$ select row(schema_name, relation_name, meta.checked_key(key))::meta.row_id $$;

create or replace function meta.row_id(schema_name text, relation_name text, key text) returns meta.row_id
language sql immutable strict parallel safe
as $$ select meta.row_id(schema_name, relation_name, jsonb_build_array(key)) $$;

create or replace function meta.row_id(schema_name text, relation_name text, key anyelement) returns meta.row_id
language sql immutable strict parallel safe
as $$ select meta.row_id(schema_name, relation_name, jsonb_build_array(meta.encode_value(key))) $$;

create or replace function meta.row_id(schema_name text, relation_name text, key1 text, key2 anycompatible) returns meta.row_id
language sql immutable strict parallel safe
as $$ select meta.row_id(schema_name, relation_name, jsonb_build_array(key1, meta.encode_value(key2))) $$;

create or replace function meta.row_id(schema_name text, relation_name text, key1 anyelement, key2 anycompatible) returns meta.row_id
language sql immutable strict parallel safe
as $$ select meta.row_id(schema_name, relation_name, jsonb_build_array(meta.encode_value(key1), meta.encode_value(key2))) $$;
