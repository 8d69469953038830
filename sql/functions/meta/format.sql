-- The canonical text of an identifier: public.person, public.person.name, public.person.3,
-- public.person.3.name. One text for one thing, equal to what shared/identifiers.ts writes.

create or replace function meta.format_key(key jsonb) returns text
language sql immutable strict parallel safe
as $$
  select string_agg(meta.escape_value(e.value), '.' order by e.place)
  from jsonb_array_elements(key) with ordinality as e (value, place)
$$;

create or replace function meta.format(id meta.relation_id) returns text
language sql immutable strict parallel safe
as $$ select meta.escape_name((id).schema_name) || '.' || meta.escape_name((id).relation_name) $$;

create or replace function meta.format(id meta.column_id) returns text
language sql immutable strict parallel safe
as $$ select meta.escape_name((id).schema_name) || '.' || meta.escape_name((id).relation_name) || '.' || meta.escape_name((id).column_name) $$;

create or replace function meta.format(id meta.row_id) returns text
language sql immutable strict parallel safe
as $$ select meta.escape_name((id).schema_name) || '.' || meta.escape_name((id).relation_name) || '.' || meta.format_key((id).key) $$;

create or replace function meta.format(id meta.field_id) returns text
language sql immutable strict parallel safe
as $$
  select meta.escape_name((id).schema_name) || '.' || meta.escape_name((id).relation_name) || '.' || meta.format_key((id).key)
    || '.' || meta.escape_name((id).column_name)
$$;
