-- SQL of type text that gives the fields in which a row after an update (n) differs from the row before (o), as a JSON
-- object of the values of "side": n or o. Without the columns in "equal", which are known not to differ, and those that are
-- left out for everyone.
create or replace function event.changed_fields(
  relation regclass, side text, "equal" text[], names text[] default null, types oid[] default null
) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  -- In portions, because a function takes a hundred arguments and a table may have sixteen hundred columns.
  select case count(*)
    when 0 then $sql$'{}'::text$sql$
    when 1 then format($sql$'{' || concat_ws(',', %s) || '}'$sql$, min(p.fields))
    else format($sql$'{' || concat_ws(',', %s) || '}'$sql$,
      string_agg(format($sql$nullif(concat_ws(',', %s), '')$sql$, p.fields), ', ' order by p.portion))
  end
  from (
    select
      c.place / 64,
      string_agg(
        format($sql$case when %s then %L || %s end$sql$,
          event.difference_expression(c.type, c.is_bytewise, format('n.%I', c.name), format('o.%I', c.name)),
          to_json(c.name)::text || ':',
          case when c.is_nullable then format($sql$coalesce(%s, 'null')$sql$, v.sql) else v.sql end),
        ', ' order by c.place)
    from event.relation_columns(relation, names, types) as c
    cross join lateral (select event.json_text_expression(c.type, format('%I.%I', side, c.name))) as v (sql)
    where c.name <> all ("equal") and not c.is_excepted
    group by c.place / 64
  ) as p (portion, fields);
$$;

revoke execute on function event.changed_fields(regclass, text, text[], text[], oid[]) from public;
