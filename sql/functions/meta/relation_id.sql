create or replace function meta.relation_id(schema_name text, relation_name text) returns meta.relation_id
language sql immutable strict parallel safe
as $$ select row(schema_name, relation_name)::meta.relation_id $$;
