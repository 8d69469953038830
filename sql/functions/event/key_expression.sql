-- SQL of type text that gives the key of a row of the relation, under this alias: the values of its primary key as
-- a JSON array without spaces, equal to what JavaScript's JSON.stringify makes of them. Null if there is no key.
create or replace function event.key_expression(relation regclass, alias text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select event.key_sql(key_expression.relation, key_expression.alias);
$$;

grant execute on function event.key_expression(regclass, text) to public;
