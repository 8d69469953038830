-- SQL of type text that gives the fields in which a row after an update (n) differs from the row before (o), as a JSON
-- object of the values of "side": n or o.
create or replace function event.changed_fields(relation regclass, side text) returns text
language sql stable set search_path = ''
as $$
  -- In portions, because a function takes a hundred arguments and a table may have sixteen hundred columns.
  select format($sql$'{' || concat_ws(',', %s) || '}'$sql$, string_agg(p.sql, ', ' order by p.portion))
  from (
    select
      a.attnum / 64,
      format($sql$nullif(concat_ws(',', %s), '')$sql$, string_agg(
        format($sql$case when %s then %L || coalesce(to_json(%s)::text, 'null') end$sql$,
          event.difference_expression(a.atttypid, event.is_bytewise(a.attcollation),
            format('n.%I', a.attname), format('o.%I', a.attname)),
          to_json(a.attname)::text || ':',
          event.encode_expression(a.atttypid, format('%I.%I', changed_fields.side, a.attname))),
        ', ' order by a.attnum))
    from pg_attribute as a
    where a.attrelid = changed_fields.relation and a.attnum > 0 and not a.attisdropped
    group by a.attnum / 64
  ) as p (portion, sql);
$$;

revoke execute on function event.changed_fields(regclass, text) from public;
