-- The definition of the trigger function that captures one command (insert, update, delete or truncate) on a tracked
-- relation. Generated, so that the statement which writes the log is static, and planned once in each connection.
create or replace function event.capture_function(relation_id integer, command text) returns text
language plpgsql stable set search_path = ''
as $$
declare
  v_relation regclass := (select r.oid from event.tracked_relation as r where r.id = capture_function.relation_id);
  v_has_composites boolean := exists (
    select from event.type_parts(v_relation) as p join pg_type as t on t.oid = p.type where t.typtype = 'c'
  );
  v_settings text := (
    select string_agg(format(' set %I = %L', s.name, s.value), '' order by s.name)
    from event.capture_settings(v_relation) as s
  );
  v_command text := capture_function.command;
  v_log text;
begin
  v_log := case v_command
    when 'truncate' then format(
      $sql$
  v_settings := event.pin_settings(%1$s);
  v_sql := event.capture_sql(%1$s, 'truncate', tg_relid);
  if v_sql is not null then
    execute v_sql;
    get diagnostics v_count = row_count;
  end if;
  perform event.restore_settings(v_settings);
$sql$, capture_function.relation_id)
    else format(
      $sql$
  -- No rows: no answer. The shape is asked for by the planner, who asks again when the relation is altered.
  select event.%1$s(%2$s) = %3$L, exists (select from event.attachment) into v_is_current, v_is_attached from %4$s limit 1;
  if v_is_current is null then
    return null;
  elsif v_is_current then
    %5$s;
    get diagnostics v_count = row_count;%6$s
  else
    -- Altered since: right as well, but slower, until event.refresh_capture().
    v_settings := event.pin_settings(%7$s);
    v_sql := event.capture_sql(%7$s, %8$L);
    if v_sql is not null then
      execute v_sql;
      get diagnostics v_count = row_count;%9$s
    end if;
    perform event.restore_settings(v_settings);
  end if;
$sql$,
      case when v_has_composites then 'shape_now' else 'shape' end,
      v_relation::oid,
      event.shape(v_relation),
      case v_command when 'delete' then 'old_rows' else 'new_rows' end,
      event.capture_sql(capture_function.relation_id, v_command),
      case when v_command = 'update' then format(
        $sql$
    if current_setting('rowcast.moved', true) = 'on' then
      perform set_config('rowcast.moved', '', true);
      %s;
      get diagnostics v_moved = row_count;
      v_count := v_count + v_moved;
    end if;$sql$, event.capture_sql(capture_function.relation_id, 'move')) end,
      capture_function.relation_id,
      v_command,
      case when v_command = 'update' then format(
        $sql$
      if current_setting('rowcast.moved', true) = 'on' then
        perform set_config('rowcast.moved', '', true);
        execute event.capture_sql(%s, 'move');
        get diagnostics v_moved = row_count;
        v_count := v_count + v_moved;
      end if;$sql$, capture_function.relation_id) end)
  end;

  return format(
    $function$create or replace function event.%1$I() returns trigger
language plpgsql security definer set search_path = ''%2$s
as $capture$
#variable_conflict use_column
declare
  v_is_current boolean;
  v_is_attached boolean := false;
  v_count bigint := 0;
  v_moved bigint;
  v_sql text;
  v_settings text[];
begin
  if tg_name <> %3$L or tg_relid <> %4$s and not event.is_captured(%5$s, tg_relid) then
    return null; -- a trigger that is not ours, or a partition that is none any more
  end if;
%6$s
  if v_count > 0 then
    if pg_trigger_depth() > 1 or current_setting(%7$L, true) <> '' then
      perform event.settle_nested(%5$s, v_count);
    end if;
    perform event.ring();
    if v_is_attached then
      perform event.notify_captured(%5$s, v_count);
    end if;
  end if;
  return null;
end;
$capture$;
$function$,
    format('capture_%s_%s', capture_function.relation_id, v_command),
    v_settings,
    'rowcast_' || v_command,
    v_relation::oid,
    capture_function.relation_id,
    v_log,
    'rowcast.nested_' || capture_function.relation_id);
end;
$$;

revoke execute on function event.capture_function(integer, text) from public;
