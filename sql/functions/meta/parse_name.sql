-- The name that a part of an identifier stands for; null if it is none.
create or replace function meta.parse_name(part text) returns text
language sql immutable strict parallel safe
as $$
  select case
    when part like '"%' then replace(substr(part, 2, length(part) - 2), '""', '"')
    when part ~ '^[a-z_]' then part
  end
$$;
