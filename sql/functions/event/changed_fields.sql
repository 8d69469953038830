-- SQL of type text that gives the fields in which a row after an update (n) differs from the row before (o), as a JSON
-- object of the values of "side": n or o.
create or replace function event.changed_fields(relation regclass, side text, names text[] default null, types oid[] default null)
returns text
language sql stable set search_path = ''
as $$
  -- In portions, because a function takes a hundred arguments and a table may have sixteen hundred columns.
  select format($sql$'{' || concat_ws(',', %s) || '}'$sql$, string_agg(p.sql, ', ' order by p.portion))
  from (
    select
      c.place / 64,
      format($sql$nullif(concat_ws(',', %s), '')$sql$, string_agg(
        format($sql$case when %s then %L || coalesce(to_json(%s)::text, 'null') end$sql$,
          event.difference_expression(c.type, c.is_bytewise, format('n.%I', c.name), format('o.%I', c.name)),
          to_json(c.name)::text || ':',
          event.encode_expression(c.type, format('%I.%I', changed_fields.side, c.name))),
        ', ' order by c.place))
    from event.relation_columns(changed_fields.relation, changed_fields.names, changed_fields.types) as c
    group by c.place / 64
  ) as p (portion, sql);
$$;

revoke execute on function event.changed_fields(regclass, text, text[], oid[]) from public;
