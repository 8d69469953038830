-- The definition of the trigger function that captures one command (insert, update, delete or truncate) on a relation.
-- Generated for the relation as it is now, so that the statements which write the log are static, and planned once in
-- each connection.
create or replace function event.capture_function(relation regclass, relation_id integer, command text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_settings text := coalesce((
    select string_agg(format(' set %I = %L', s.name, s.value), '' order by s.name)
    from event.capture_settings(relation) as s
  ), '') || case command
    -- The join of a bulk update is planned for a few rows; this is what it may take before it turns to the disk.
    when 'update' then $sql$ set work_mem = '64MB'$sql$
    else ''
  end;
begin
  return format(
    $function$create or replace function event.%1$I() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp%2$s
as $capture$
#variable_conflict use_column
<<capture>>
declare
  v_is_current boolean;
  v_is_settled boolean := false;
  v_has_chains boolean;
  v_part integer;
  v_actor text;
  v_count bigint := 0;
  v_count_moved bigint;
  v_names text[];
  v_types oid[];
  v_sql text;
  v_settings text[];
begin
  -- Made for this trigger of this relation: in any other it would forge the log. A partition may have been detached.
  if tg_name <> %3$L or tg_relid <> %4$s and not event.is_captured(%5$s, tg_relid) then
    return null;
  end if;
%6$s
  if v_count > 0 and (
    not pg_try_advisory_xact_lock_shared(event.bell_key()) or pg_sequence_last_value('event.attachment_seq'::regclass) is not null
  ) then
    perform event.ring();
    if not v_is_settled and exists (select from event.attachment) then
      perform event.notify_captured(%5$s, v_count);
    end if;
  end if;
  return null;
end;
$capture$
$function$,
    format('capture_%s_%s', relation_id, command),
    v_settings,
    'rowcast_' || command,
    relation::oid,
    relation_id,
    case command
      when 'truncate' then event.capture_truncate_body(relation_id)
      else event.capture_body(relation, relation_id, command)
    end);
end;
$$;

revoke execute on function event.capture_function(regclass, integer, text) from public;
