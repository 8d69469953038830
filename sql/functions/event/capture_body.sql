-- The part of event.capture_function() that logs what an insert, update or delete did.
--
-- A static statement would fail when a column that it names is gone, and a writer must never fail. So it is asked first
-- whether the relation still has the shape that this was made for. If not, the statement is made anew: as right, but
-- slower, until event.refresh_capture() makes a new function. (A writer cannot make it: of two at once, one would fail.)
create or replace function event.capture_body(relation regclass, relation_id integer, command text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_source text := case command when 'delete' then 'old_rows' else 'new_rows' end;
  v_has_composites boolean := exists (
    select from event.type_parts(relation) as p join pg_type as t on t.oid = p.type where t.typtype = 'c'
  );
  v_log text := event.capture_sql(relation, relation_id, command);
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
    end if;$sql$, event.capture_sql(relation, relation_id, 'move'));
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
    -- No rows: no answer. PostgreSQL asks for the shape when it plans this, and plans anew when the relation is altered.
    select event.%1$s(%2$s) = %3$L, exists (select from event.attachment) into v_is_current, v_is_attached from %4$s limit 1;
  else
    -- Sees the catalogue as it was when the transaction began: the rows themselves tell their columns.
    begin
      select %5$s, exists (select from event.attachment) into v_is_current, v_is_attached from %4$s as r limit 1;
      if v_is_current then
        select %6$s into v_is_current from %4$s as r limit 1;
      end if;
    exception when others then
      v_is_current := false; -- virtual generated columns cannot be asked for here
    end;
  end if;

  if v_is_current then
    %7$s;
    get diagnostics v_count = row_count;%8$s
  elsif not v_is_current then
    begin
      begin
        v_names := array(select k.name from (select * from %4$s limit 1) as r, json_object_keys(row_to_json(r.*)) as k (name));
        execute event.types_sql(%4$L, v_names) into v_types;
      exception when others then
        v_names := null; -- for these, the catalogue must do
        v_types := null;
      end;
      v_sql := event.capture_sql_now(%9$s, %10$L, v_names, v_types);
      if v_sql is not null then
        v_settings := event.pin_settings(%9$s);%13$s
        execute v_sql;
        get diagnostics v_count = row_count;%11$s
        perform event.restore_settings(v_settings);
      end if;
    exception when others then
      raise warning 'Rowcast could not capture %10$s of %%: %%', tg_relid::regclass, sqlerrm
        using hint = 'Its followers miss this change.';
    end;
  end if;

%15$s  -- Closes what event.open_statement() opened. Unless other statements were open meanwhile, that is all.
  if current_setting(%12$L, true) = %14$L then
    v_sql := set_config(%12$L, '', true);
  else
    perform event.settle(%9$s, %10$L, v_count, %12$L);
    v_is_attached := false;
  end if;
$sql$,
    case when v_has_composites then 'shape_now' else 'shape' end,
    relation::oid,
    case when v_is_keyless then '' else event.shape(relation) end,
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
