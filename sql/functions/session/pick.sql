-- These columns of a row, in its order, each exactly as it is there.
create or replace function event.pick("row" json, columns text[]) returns json
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select ('{' || coalesce(string_agg(to_json(f.key)::text || ':' || f.value::text, ',' order by f.place), '') || '}')::json
  from json_each("row") with ordinality as f (key, value, place)
  where f.key = any (columns)
$$;

revoke execute on function event.pick(json, text[]) from public;
