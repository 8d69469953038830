-- See event.key_expression(); of the relation, or of a transition table with these columns.
create or replace function event.key_sql(relation regclass, alias text, names text[] default null, types oid[] default null)
returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select $sql$'[' || $sql$ || string_agg(p.sql, $sql$ || ',' || $sql$ order by k.place) || $sql$ || ']'$sql$
  from event.key_parts(key_sql.relation, key_sql.names, key_sql.types) as k
  cross join lateral (
    select case
      when k.is_nullable then format($sql$coalesce(%s, 'null')$sql$, event.key_part(k.type, format('%I.%I', key_sql.alias, k.name)))
      else event.key_part(k.type, format('%I.%I', key_sql.alias, k.name))
    end
  ) as p (sql)
  having count(*) = cardinality(event.key_columns(key_sql.relation));
$$;

revoke execute on function event.key_sql(regclass, text, text[], oid[]) from public;
