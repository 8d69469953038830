-- The part of event.capture_function() that logs what an insert, update or delete did.
--
-- A static statement would fail when a column that it names is gone, and a writer must never fail. So it is asked first
-- whether the relation still has the shape that this was made for. If not, the statement is made anew: as right, but
-- slower, until event.refresh_capture() makes a new function. (A writer cannot make it: of two at once, one would fail.)
--
-- Every expression of a trigger function is made ready anew in each transaction, and every query opened and closed: for a
-- commit of one row, that is most of what capture costs. So there are as few of them as can be on the way that nearly all take.
create or replace function event.capture_body(relation regclass, relation_id integer, command text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_source text := case command when 'delete' then 'old_rows' else 'new_rows' end;
  v_is_partitioned boolean := (select c.relkind = 'p' from pg_class as c where c.oid = relation);
  v_has_composites boolean := exists (
    select from event.type_parts(relation) as p join pg_type as t on t.oid = p.type where t.typtype = 'c'
  );
  -- For one row, two queries within the statement cost more than two variables. They bear the label of the block: a column
  -- may be called like them.
  v_part_and_actor constant text := 'capture.v_part, capture.v_actor';
  v_log text := replace(event.capture_sql(relation, relation_id, command), event.part_and_actor_sql(), v_part_and_actor);
  v_is_keyless boolean := v_log is null;
  v_count_static text := '';
  v_count_dynamic text := '';
  v_choice text := '';
begin
  if v_is_keyless then
    v_log := 'v_sql := null';
  elsif command = 'update' then
    if event.may_chain(relation) then
      v_log := format($sql$%s into v_has_chains;
    if v_has_chains then
      execute event.capture_sql_now(%s, 'chain', null, null);
    else
      %s;
    end if$sql$, event.has_chains_sql(relation), relation_id, v_log);
    end if;
    v_count_static := format($sql$
    if current_setting('rowcast.moved', true) = 'on' then
      v_sql := set_config('rowcast.moved', '', true);
      %s;
      get diagnostics v_count_moved = row_count;
      v_count := v_count + v_count_moved;
    end if;$sql$, replace(event.capture_sql(relation, relation_id, 'move'), event.part_and_actor_sql(), v_part_and_actor));
    v_count_dynamic := format($sql$
        if current_setting('rowcast.moved', true) = 'on' then
          v_sql := set_config('rowcast.moved', '', true);
          execute event.capture_sql_now(%s, 'move', v_names, v_types);
          get diagnostics v_count_moved = row_count;
          v_count := v_count + v_count_moved;
        end if;$sql$, relation_id);
    v_choice := format($sql$
        execute (select event.has_chains_sql(t.oid, v_names, v_types) from event.tracked_relation as t where t.id = %1$s) into v_has_chains;
        if v_has_chains then
          v_sql := event.capture_sql_now(%1$s, 'chain', v_names, v_types);
        end if;$sql$, relation_id);
  end if;

  return format($sql$
  if current_setting('transaction_isolation') = 'read committed' then
    %1$s;
  else
    -- Sees the catalogue as it was when the transaction began: the rows themselves tell their columns.
    begin
      select %3$s into v_is_current from %2$s as r limit 1;
      if v_is_current then
        select %4$s into v_is_current from %2$s as r limit 1;
      end if;
    exception when others then
      v_is_current := false; -- virtual generated columns cannot be asked for here
    end;
  end if;

  if v_is_current then
    -- Without an id nothing has been written, and there are no rows: none is taken for that. For the order, see event.part_of().
    v_part := case when pg_current_xact_id_if_assigned() is not null then pg_sequence_last_value('event.log_part_seq'::regclass) & 7 end;
    v_actor := event.actor();
    %5$s;
    get diagnostics v_count = row_count;%6$s
  elsif not v_is_current and exists (select from %2$s) then
    begin
      begin
        v_names := array(select k.name from (select * from %2$s limit 1) as r, json_object_keys(row_to_json(r.*)) as k (name));
        execute event.types_sql(%2$L, v_names) into v_types;
      exception when others then
        v_names := null; -- for these, the catalogue must do
        v_types := null;
      end;
      v_sql := event.capture_sql_now(%7$s, %8$L, v_names, v_types);
      if v_sql is not null then
        v_settings := event.pin_settings(%7$s);%11$s
        execute v_sql;
        get diagnostics v_count = row_count;%9$s
        perform event.restore_settings(v_settings);
      end if;
    exception when others then
      raise warning 'Rowcast could not capture %8$s of %%: %%', tg_relid::regclass, sqlerrm
        using hint = 'Its followers miss this change.';
    end;
  end if;

%13$s  -- Closes what event.open_statement() opened. Unless other statements were open meanwhile, that is all.
  if (case when current_setting(%10$L, true) = %12$L then set_config(%10$L, '', true) end) is null then
    perform event.settle(%7$s, %8$L, v_count, %10$L);
    v_is_settled := true;
  end if;
$sql$,
    format(
      -- PostgreSQL asks for the shape when it plans this, and plans anew when the relation is altered, since the plan names it. A
      -- statement on a partition concerns that as well: its transition table names it. Then, no rows are no answer.
      case when v_is_partitioned then 'select event.%1$s(%2$s) = %3$L into v_is_current from %4$s limit 1'
        else 'v_is_current := event.%1$s(%2$L::regclass) = %3$L' end,
      case when v_has_composites then 'shape_now' else 'shape' end,
      relation::oid,
      case when v_is_keyless then '' else event.shape(relation) end,
      v_source),
    v_source,
    (
      select format('array(select json_object_keys(row_to_json(r.*))) = %L', array_agg(c.name order by c.place))
      from event.relation_columns(relation) as c
    ),
    (
      select format('array[%s]::oid[] = %L', string_agg(format('pg_typeof(r.%I)', c.name), ', ' order by c.place),
        array_agg(c.type order by c.place))
      from event.relation_columns(relation) as c
    ),
    v_log,
    v_count_static,
    relation_id,
    command,
    v_count_dynamic,
    'rowcast.open_' || relation_id,
    v_choice,
    upper(left(command, 1)),
    case
      when command in ('update', 'delete') and exists (
        select from pg_constraint as c where c.conrelid = relation and c.contype = 'p' and c.condeferrable
      ) then format($sql$  if v_count > 0 then
    v_count := v_count + event.log_survivors(%s, v_count);
  end if;

$sql$, relation_id)
      else ''
    end);
end;
$$;

revoke execute on function event.capture_body(regclass, integer, text) from public;
