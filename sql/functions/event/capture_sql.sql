-- The statement that logs what one statement did to a tracked relation, for its shape as it is now: "insert", "delete",
-- "update" (field_update for rows that changed, row_delete for those whose key did), "move" (then row_insert for these)
-- or "truncate". It reads the transition tables old_rows and new_rows; for truncate, the relation itself. Null if no
-- column names a row.
--
-- The statement takes no parameters and qualifies every column by its source, o for old and n for new: whatever a
-- column is called, it is no variable of the trigger function around it.
create or replace function event.capture_sql(relation_id integer, command text, truncated regclass default null) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_relation regclass := (select r.oid from event.tracked_relation as r where r.id = capture_sql.relation_id);
  v_old_key text := event.key_expression(v_relation, 'o');
  v_new_key text := event.key_expression(v_relation, 'n');
  v_old_row text := event.row_expression(v_relation, 'o');
  v_new_row text := event.row_expression(v_relation, 'n');
  v_old_rows text := event.transition_source(v_relation, 'old_rows');
  v_new_rows text := event.transition_source(v_relation, 'new_rows');
  v_join record := event.key_join(v_relation);
  v_query text := case capture_sql.command
    when 'insert' then
      format($sql$select 'row_insert'::event.operation, %s, %s, null::json from %s as n$sql$, v_new_key, v_new_row, v_new_rows)
    when 'delete' then
      format($sql$select 'row_delete'::event.operation, %s, null::json, %s from %s as o$sql$, v_old_key, v_old_row, v_old_rows)
    when 'truncate' then
      format($sql$select 'row_delete'::event.operation, %s, null::json, %s from only %s as o$sql$, v_old_key, v_old_row,
        capture_sql.truncated)
    -- A full join can only be a hash or a merge join. The planner does not know how many rows a later statement brings: a
    -- nested loop, planned for one row and kept, would take hours for a hundred thousand. "offset 0" keeps the
    -- planner from turning it into another join, and from evaluating anything twice.
    when 'update' then format(
      $sql$
      select u.op, u.key, u.new::json, u.old::json
      from (
        select
          case
            when %1$s then case set_config('rowcast.moved', 'on', true) when 'on' then 'row_delete'::event.operation end
            else 'field_update'
          end as op,
          case when %2$s then null else %3$s end as key,
          case when %1$s then null else %4$s end as new,
          case when %1$s then (%5$s)::text else %6$s end as old
        from %7$s as o full join %8$s as n on %9$s
        offset 0
      ) as u
      where u.key is not null and u.new is distinct from '{}'
      $sql$, v_join.no_new, v_join.no_old, v_old_key, event.changed_fields(v_relation, 'n'), v_old_row,
      event.changed_fields(v_relation, 'o'), v_old_rows, v_new_rows, v_join.condition)
    when 'move' then format(
      $sql$
      select 'row_insert'::event.operation, u.key, u.new, null::json
      from (
        select case when %1$s then %2$s end as key, case when %1$s then %3$s end as new
        from %4$s as o full join %5$s as n on %6$s
        offset 0
      ) as u
      where u.key is not null
      $sql$, v_join.no_old, v_new_key, v_new_row, v_old_rows, v_new_rows, v_join.condition)
  end;
begin
  return format(
    'insert into event.change (actor, relation_id, op, key, new, old) select (select event.actor()), %s, c.* from (%s) as c (op, key, new, old)',
    capture_sql.relation_id, v_query);
end;
$$;

revoke execute on function event.capture_sql(integer, text, regclass) from public;
