-- SQL of type json that gives one field of a row of the relation, under this alias, as {column: value}. Null if there
-- is no such column.
create or replace function event.field_expression(relation regclass, alias text, column_name text) returns text
language sql stable security definer set search_path = ''
as $$
  select format('json_build_object(%L, %s)', a.attname,
    event.encode_expression(a.atttypid, format('%I.%I', field_expression.alias, a.attname)))
  from pg_attribute as a
  where a.attrelid = field_expression.relation and a.attname = field_expression.column_name
    and a.attnum > 0 and not a.attisdropped;
$$;
