-- An identifier as one flat JSON array: schema, relation, then whatever else it has.

create or replace function meta.flatten(id meta.relation_id) returns jsonb
language sql immutable strict parallel safe
as $$ select jsonb_build_array((id).schema_name, (id).relation_name) $$;

create or replace function meta.flatten(id meta.column_id) returns jsonb
language sql immutable strict parallel safe
as $$ select jsonb_build_array((id).schema_name, (id).relation_name, (id).column_name) $$;

create or replace function meta.flatten(id meta.row_id) returns jsonb
language sql immutable strict parallel safe
as $$ select jsonb_build_array((id).schema_name, (id).relation_name) || (id).key $$;

create or replace function meta.flatten(id meta.field_id) returns jsonb
language sql immutable strict parallel safe
as $$ select jsonb_build_array((id).schema_name, (id).relation_name) || (id).key || jsonb_build_array((id).column_name) $$;
