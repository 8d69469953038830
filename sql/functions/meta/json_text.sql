-- The canonical text of a JSON value: compact, members in the order of their names' code points,
-- numbers as JavaScript writes them.
create or replace function meta.json_text(value jsonb) returns text
language plpgsql immutable strict parallel safe
as $$
begin
  case jsonb_typeof(value)
    when 'number' then
      return meta.number_text((value #>> '{}')::numeric);
    when 'array' then
      return (
        select '[' || coalesce(string_agg(meta.json_text(e.value), ',' order by e.place), '') || ']'
        from jsonb_array_elements(json_text.value) with ordinality as e (value, place)
      );
    when 'object' then
      return (
        select '{' || coalesce(string_agg(to_jsonb(m.key)::text || ':' || meta.json_text(m.value), ',' order by m.key collate "C"), '') || '}'
        from jsonb_each(json_text.value) as m
      );
    else
      return value::text;
  end case;
end;
$$;
