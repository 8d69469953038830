-- SQL of type text that gives the key of a row of the relation, under this alias: the values of its primary key as
-- a JSON array without spaces, equal to what JavaScript's JSON.stringify makes of them. Null if there is no key.
create or replace function event.key_expression(relation regclass, alias text) returns text
language sql stable security definer set search_path = ''
as $$
  select $sql$'[' || $sql$ || string_agg(
    case when a.attnotnull then p.sql else format($sql$coalesce(%s, 'null')$sql$, p.sql) end,
    $sql$ || ',' || $sql$ order by k.place) || $sql$ || ']'$sql$
  from unnest(event.key_columns(key_expression.relation)) with ordinality as k (name, place)
  join pg_attribute as a on a.attrelid = key_expression.relation and a.attname = k.name and not a.attisdropped
  cross join lateral (select event.key_part(a.atttypid, format('%I.%I', key_expression.alias, a.attname))) as p (sql);
$$;
