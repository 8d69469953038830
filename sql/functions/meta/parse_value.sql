-- The value that a part of an identifier stands for; null if it is none, or not in its canonical form.
create or replace function meta.parse_value(part text) returns jsonb
language plpgsql immutable strict parallel safe
as $$
declare
  v_value jsonb;
  v_is_json constant boolean := part like '''%';
  v_json constant text := case when part like '''%' then replace(substr(part, 2, length(part) - 2), '''''', '''') else part end;
begin
  if part = 'null' then
    return null;
  elsif v_is_json or part in ('true', 'false') or part ~ '^[-0-9]' then
    v_value := v_json::jsonb;
    return case when meta.escape_value(v_value) = part then v_value end;
  end if;
  return to_jsonb(meta.parse_name(part));
exception when invalid_text_representation or sqlstate 'RC008' then
  return null;
end;
$$;

-- The key of parts; null if one of them is no value.
create or replace function meta.parse_key(parts text[]) returns jsonb
language sql immutable strict parallel safe
as $$
  select case when count(*) = count(v.value) then jsonb_agg(v.value order by p.place) end
  from unnest(parts) with ordinality as p (part, place)
  cross join lateral meta.parse_value(p.part) as v (value)
$$;
