-- The identifier that a text names. Quotes that are not needed are allowed. Anything else: RC008.

create or replace function meta.parse_relation_id(id text) returns meta.relation_id
language plpgsql immutable strict parallel safe
as $$
declare
  v_parts constant text[] := meta.split(id);
  v_schema constant text := meta.parse_name(v_parts[1]);
  v_relation constant text := meta.parse_name(v_parts[2]);
begin
  if cardinality(v_parts) = 2 and v_schema is not null and v_relation is not null then
    return row(v_schema, v_relation)::meta.relation_id;
  end if;
  perform meta.invalid_id('relation', id);
end;
$$;

create or replace function meta.parse_column_id(id text) returns meta.column_id
language plpgsql immutable strict parallel safe
as $$
declare
  v_parts constant text[] := meta.split(id);
  v_schema constant text := meta.parse_name(v_parts[1]);
  v_relation constant text := meta.parse_name(v_parts[2]);
  v_column constant text := meta.parse_name(v_parts[3]);
begin
  if cardinality(v_parts) = 3 and v_schema is not null and v_relation is not null and v_column is not null then
    return row(v_schema, v_relation, v_column)::meta.column_id;
  end if;
  perform meta.invalid_id('column', id);
end;
$$;

create or replace function meta.parse_row_id(id text) returns meta.row_id
language plpgsql immutable strict parallel safe
as $$
declare
  v_parts constant text[] := meta.split(id);
  v_schema constant text := meta.parse_name(v_parts[1]);
  v_relation constant text := meta.parse_name(v_parts[2]);
  v_key constant jsonb := meta.parse_key(v_parts[3:]);
begin
  if v_schema is not null and v_relation is not null and v_key is not null then
    return row(v_schema, v_relation, v_key)::meta.row_id;
  end if;
  perform meta.invalid_id('row', id);
end;
$$;

create or replace function meta.parse_field_id(id text) returns meta.field_id
language plpgsql immutable strict parallel safe
as $$
declare
  v_parts constant text[] := meta.split(id);
  v_last constant integer := cardinality(v_parts);
  v_schema constant text := meta.parse_name(v_parts[1]);
  v_relation constant text := meta.parse_name(v_parts[2]);
  v_key constant jsonb := meta.parse_key(v_parts[3:v_last - 1]);
  v_column constant text := meta.parse_name(v_parts[v_last]);
begin
  if v_schema is not null and v_relation is not null and v_key is not null and v_column is not null then
    return row(v_schema, v_relation, v_key, v_column)::meta.field_id;
  end if;
  perform meta.invalid_id('field', id);
end;
$$;
