-- The statement that logs what one statement did to a relation. "command" is
--   insert, delete;
--   update: a field_update for each row that changed, and whose key did not;
--   move: after that, a row_delete and a row_insert for each whose key did. All that leave a key come before all that take
--     one, since rows may have swapped keys;
--   chain: both, one update after the other, where rows may have been updated more than once (event.has_chains_sql);
--   truncate: a row_delete for each row of the table "truncated".
-- It reads the transition tables old_rows (as o) and new_rows (as n); with "names" and "types", for columns other than the
-- catalogue's. Null if no columns name a row.
--
-- The statement takes no parameters and qualifies every column: whatever a column is called, it is no variable
-- of the trigger function around it.
create or replace function event.capture_sql(
  relation regclass, relation_id integer, command text,
  names text[] default null, types oid[] default null, truncated regclass default null
) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_new boolean := command = 'insert';
  v_side text := case when v_is_new then 'n' else 'o' end;
  v_key text := event.key_sql(relation, v_side, names, types);
  v_columns text := event.row_columns(relation, v_side, names, types);
  v_old_rows text := event.transition_source(relation, 'old_rows', names, types) || ' as o';
  v_new_rows text := event.transition_source(relation, 'new_rows', names, types) || ' as n';
  v_row text;
  v_join text;
  v_no_old text;
  v_no_new text;
  v_equal text[];
  v_query text;
begin
  if v_key is null then
    return null;
  end if;

  if command in ('insert', 'delete', 'truncate') then
    v_row := case when v_columns is null then format('row_to_json(%s.*)', v_side) else 'row_to_json(r.*)' end;
    v_query := format('select %L::event.operation, %s, %s from %s%s',
      case when v_is_new then 'row_insert' else 'row_delete' end,
      v_key,
      case when v_is_new then v_row || ', null::json' else 'null::json, ' || v_row end,
      case command when 'insert' then v_new_rows when 'delete' then v_old_rows else format('%s as o', truncated) end,
      case when v_columns is null then '' else format(' cross join lateral (select %s) as r', v_columns) end);
    if command = 'truncate' then
      v_query := v_query || format(' where o.tableoid = any (%L::oid[])', event.truncated_tables(truncated));
    end if;
  elsif command = 'chain' then
    v_query := event.capture_chain_sql(relation, names, types);
  else
    -- A full join can only be a hash or a merge join. The planner does not know how many rows a later statement brings: a
    -- nested loop, planned for one row and kept, would take hours for a hundred thousand. "offset 0" keeps the
    -- planner from turning it into another join, and from evaluating an expression twice.
    select
      format('from %s full join %s on %s offset 0', v_old_rows, v_new_rows,
        string_agg(
          case when k.is_identity then format('o.%1$I = n.%1$I', k.name)
            else event.key_part(k.type, format('o.%I', k.name)) || ' = ' || event.key_part(k.type, format('n.%I', k.name))
          end, ' and ' order by k.place)),
      -- "is distinct from null" asks for the row, "is null" would ask for each of its columns.
      case when bool_or(k.is_nullable) then 'o.* is not distinct from null' else format('o.%I is null', min(k.name)) end,
      case when bool_or(k.is_nullable) then 'n.* is not distinct from null' else format('n.%I is null', min(k.name)) end,
      coalesce(array_agg(k.name) filter (where k.is_identity), '{}')
    into v_join, v_no_old, v_no_new, v_equal
    from event.key_parts(relation, names, types) as k;

    v_query := case command
      -- A row whose key changed has no partner. That is noted, in a setting, for the statement after this.
      when 'update' then format(
        $sql$
        select 'field_update'::event.operation, u.key, u.new::json, u.old::json
        from (
          select
            case
              when %1$s then nullif(set_config('rowcast.moved', 'on', true), 'on')
              when %2$s then null
              else %3$s
            end as key,
            %4$s as new,
            %5$s as old
          %6$s
        ) as u
        where u.key is not null and u.new <> '{}'
        $sql$, v_no_new, v_no_old, v_key,
        event.changed_fields(relation, 'n', v_equal, names, types), event.changed_fields(relation, 'o', v_equal, names, types), v_join)
      else format(
        $sql$
        select u.op, u.key, u.new, u.old
        from (
          select
            case when %1$s then 'row_delete'::event.operation when %2$s then 'row_insert' end as op,
            case when %1$s then %3$s when %2$s then %4$s end as key,
            case when %2$s then %6$s end as new,
            case when %1$s then %5$s end as old
          %7$s
        ) as u
        where u.op is not null
        order by u.op desc
        $sql$, v_no_new, v_no_old, v_key, event.key_sql(relation, 'n', names, types), event.row_sql(relation, 'o', names, types),
        event.row_sql(relation, 'n', names, types), v_join)
    end;
  end if;
  return format(
    'insert into event.change (part, actor, relation_id, op, key, new, old) select %s, %s, c.* from (%s) as c (op, key, new, old)',
    event.part_and_actor_sql(), relation_id, v_query);
end;
$$;

revoke execute on function event.capture_sql(regclass, integer, text, text[], oid[], regclass) from public;
