-- SQL of type json that gives one field of a row of the relation, under this alias, as {column: value}. Null if there
-- is no such column, or it is left out for everyone.
create or replace function event.field_expression(relation regclass, alias text, column_name text) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select format('pg_catalog.json_build_object(%L, %s)', c.name, event.encode_expression(c.type, format('%I.%I', field_expression.alias, c.name)))
  from event.relation_columns(field_expression.relation) as c
  where c.name = field_expression.column_name and not c.is_excepted;
$$;

grant execute on function event.field_expression(regclass, text, text) to public;
