-- SQL that gives the types of a transition table's columns.
create or replace function event.types_sql(source text, names text[]) returns text
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select format('select array[%s]::oid[] from %I as r limit 1',
    string_agg(format('pg_typeof(r.%I)', c.name), ', ' order by c.place), types_sql.source)
  from unnest(types_sql.names) with ordinality as c (name, place);
$$;

revoke execute on function event.types_sql(text, text[]) from public;
