-- The query of event.capture_sql() for "chain". Both transition tables hold the rows in the order in which they were updated:
-- the n-th old one became the n-th new one.
create or replace function event.capture_chain_sql(relation regclass, names text[], types oid[]) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  -- A name that no column has.
  v_place text := 'place';
begin
  while exists (select from event.relation_columns(relation, names, types) as c where c.name = v_place) loop
    v_place := v_place || '_';
  end loop;
  return format(
    $sql$
    select s.op, s.key, s.new, s.old
    from (select row_number() over () as %1$I, o.* from %2$s as o) as o
    join (select row_number() over () as %1$I, n.* from %3$s as n) as n on n.%1$I = o.%1$I
    cross join lateral (select %4$s, %5$s, %6$s, %7$s) as u (old_key, new_key, new, old)
    cross join lateral (
      select 1, 'field_update'::event.operation, u.old_key, u.new::json, u.old::json where u.old_key = u.new_key and u.new <> '{}'
      union all
      select 1, 'row_delete', u.old_key, null, %8$s where u.old_key <> u.new_key
      union all
      select 2, 'row_insert', u.new_key, %9$s, null where u.old_key <> u.new_key
    ) as s (step, op, key, new, old)
    order by o.%1$I, s.step
    $sql$,
    v_place,
    event.transition_source(relation, 'old_rows', names, types),
    event.transition_source(relation, 'new_rows', names, types),
    event.key_sql(relation, 'o', names, types),
    event.key_sql(relation, 'n', names, types),
    event.changed_fields(relation, 'n', '{}', names, types),
    event.changed_fields(relation, 'o', '{}', names, types),
    event.row_sql(relation, 'o', names, types),
    event.row_sql(relation, 'n', names, types));
end;
$$;

revoke execute on function event.capture_chain_sql(regclass, text[], oid[]) from public;
