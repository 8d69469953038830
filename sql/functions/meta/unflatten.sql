-- The identifier that a flat JSON array holds; the opposite of meta.flatten. Anything else: RC008.

create or replace function meta.is_array_of_names(names jsonb) returns boolean
language sql immutable strict parallel safe
as $$ select bool_and(jsonb_typeof(n.name) = 'string') from jsonb_array_elements(names) as n (name) $$;

create or replace function meta.unflatten_relation_id(id jsonb) returns meta.relation_id
language plpgsql immutable strict parallel safe
as $$
begin
  if jsonb_typeof(id) = 'array' and jsonb_array_length(id) = 2 and meta.is_array_of_names(id) then
    return row(id ->> 0, id ->> 1)::meta.relation_id;
  end if;
  perform meta.invalid_id('relation', id::text);
end;
$$;

create or replace function meta.unflatten_column_id(id jsonb) returns meta.column_id
language plpgsql immutable strict parallel safe
as $$
begin
  if jsonb_typeof(id) = 'array' and jsonb_array_length(id) = 3 and meta.is_array_of_names(id) then
    return row(id ->> 0, id ->> 1, id ->> 2)::meta.column_id;
  end if;
  perform meta.invalid_id('column', id::text);
end;
$$;

create or replace function meta.unflatten_row_id(id jsonb) returns meta.row_id
language plpgsql immutable strict parallel safe
as $$
begin
  if jsonb_typeof(id) = 'array' and jsonb_array_length(id) >= 3
    and meta.is_array_of_names(jsonb_build_array(id -> 0, id -> 1)) then
    return row(id ->> 0, id ->> 1, meta.checked_key(id - 0 - 0))::meta.row_id;
  end if;
  perform meta.invalid_id('row', id::text);
end;
$$;

create or replace function meta.unflatten_field_id(id jsonb) returns meta.field_id
language plpgsql immutable strict parallel safe
as $$
begin
  if jsonb_typeof(id) = 'array' and jsonb_array_length(id) >= 4
    and meta.is_array_of_names(jsonb_build_array(id -> 0, id -> 1, id -> -1)) then
    return row(id ->> 0, id ->> 1, meta.checked_key(id - 0 - 0 - -1), id ->> -1)::meta.field_id;
  end if;
  perform meta.invalid_id('field', id::text);
end;
$$;
