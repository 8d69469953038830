-- SQL of type json that gives a row of the relation, under this alias, exactly as capture writes it to the log; or only these
-- columns of it, in the relation's order. To be evaluated with timezone UTC, datestyle ISO, intervalstyle iso_8601,
-- extra_float_digits 1 and bytea_output hex.
create or replace function event.row_expression(relation regclass, alias text, columns text[] default null) returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_columns text := event.row_columns(row_expression.relation, row_expression.alias, "only" => row_expression.columns);
begin
  -- "alias.*" is the row, whatever its columns are called; json_build_object would take only fifty of them.
  return case
    when v_columns is null then format('pg_catalog.row_to_json(%I.*)', row_expression.alias)
    else format('(select pg_catalog.row_to_json(r.*) from (select %s) as r)', v_columns)
  end;
end;
$$;

grant execute on function event.row_expression(regclass, text, text[]) to public;
