-- The select list that gives a row its encoded columns, or only these of them, and never those that are left out for everyone.
-- Null if that is all of it and none needs encoding: then the row is good as it is.
create or replace function event.row_columns(
  relation regclass, alias text, names text[] default null, types oid[] default null, "only" text[] default null
) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select string_agg(format('%s as %I', e.sql, c.name), ', ' order by c.place) filter (where e.is_wanted)
  from event.relation_columns(row_columns.relation, row_columns.names, row_columns.types) as c
  cross join lateral (
    select format('%I.%I', row_columns.alias, c.name), event.encode_expression(c.type, format('%I.%I', row_columns.alias, c.name)),
      not c.is_excepted and (row_columns."only" is null or c.name = any (row_columns."only"))
  ) as e (plain, sql, is_wanted)
  having bool_or(e.sql <> e.plain or not e.is_wanted);
$$;

revoke execute on function event.row_columns(regclass, text, text[], oid[], text[]) from public;
