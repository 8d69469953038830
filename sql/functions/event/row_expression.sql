-- SQL of type json that gives a row of the relation, under this alias, exactly as capture writes it to the log.
-- To be evaluated with timezone UTC, datestyle ISO, intervalstyle iso_8601, extra_float_digits 1, bytea_output hex.
create or replace function event.row_expression(relation regclass, alias text) returns text
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_is_plain boolean;
  v_columns text;
begin
  select
    bool_and(c.is_plain),
    string_agg(format('%s as %I', event.encode_expression(a.atttypid, format('%I.%I', row_expression.alias, a.attname)), a.attname),
      ', ' order by a.attnum)
  into v_is_plain, v_columns
  from pg_attribute as a
  cross join lateral (select event.encode_expression(a.atttypid, 'x') = 'x') as c (is_plain)
  where a.attrelid = row_expression.relation and a.attnum > 0 and not a.attisdropped;

  -- "alias.*" is the row, whatever its columns are called; json_build_object would take only 50 of them.
  if v_is_plain then
    return format('row_to_json(%I.*)', row_expression.alias);
  end if;
  return format('(select row_to_json(r.*) from (select %s) as r)', v_columns);
end;
$$;
