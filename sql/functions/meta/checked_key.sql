-- The key itself, in canonical form, if it is one: a JSON array of at least one value, none of them null.
create or replace function meta.checked_key(key jsonb) returns jsonb
language plpgsql immutable parallel safe
as $$
begin
  if jsonb_typeof(key) = 'array' and key <> '[]' and not key @> '[null]' then
    return meta.json_text(key);
  end if;
  raise exception using errcode = 'RC008', message = format('not a key: %s', coalesce(key::text, 'null')),
    hint = 'A key is a JSON array of the values of the primary key, in its order.';
end;
$$;
