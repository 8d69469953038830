-- A transition table as a source for SQL. A virtual generated column is not computed in it, so it is here.
create or replace function event.transition_source(relation regclass, name text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_columns text;
begin
  select string_agg(
    case when a.attgenerated = 'v'
      then format('(%s) as %I', pg_get_expr(d.adbin, d.adrelid), a.attname)
      else quote_ident(a.attname)
    end, ', ' order by a.attnum)
  into v_columns
  from pg_attribute as a
  left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = transition_source.relation and a.attnum > 0 and not a.attisdropped
  having bool_or(a.attgenerated = 'v');

  return case
    when v_columns is null then quote_ident(transition_source.name)
    else format('(select %s from %I)', v_columns, transition_source.name)
  end;
end;
$$;

revoke execute on function event.transition_source(regclass, text) from public;
