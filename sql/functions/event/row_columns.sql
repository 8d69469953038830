-- The select list that gives a row its encoded columns. Null if they need no encoding: then the row is good as it is.
create or replace function event.row_columns(relation regclass, alias text, names text[] default null, types oid[] default null)
returns text
language sql stable set search_path = ''
as $$
  select string_agg(format('%s as %I', e.sql, c.name), ', ' order by c.place)
  from event.relation_columns(row_columns.relation, row_columns.names, row_columns.types) as c
  cross join lateral (
    select format('%I.%I', row_columns.alias, c.name), event.encode_expression(c.type, format('%I.%I', row_columns.alias, c.name))
  ) as e (plain, sql)
  having bool_or(e.sql <> e.plain);
$$;

revoke execute on function event.row_columns(regclass, text, text[], oid[]) from public;
