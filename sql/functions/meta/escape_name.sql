-- A name or a text as part of an identifier: plain if it can be, else in double quotes. Key words need
-- no quotes here, so that the text does not depend on the version of PostgreSQL.
create or replace function meta.escape_name(part text) returns text
language sql immutable strict parallel safe
as $$
  select case when part ~ '^[a-z_][a-z0-9_]*$' then part else '"' || replace(part, '"', '""') || '"' end
$$;
