-- Captures every change of a table from now on, whoever makes it. Called by the table's owner; again, it does no harm
-- and takes in what has been altered, such as new partitions.
create or replace function event.track(relation regclass) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  v_id integer;
  v_table regclass;
  v_command text;
begin
  perform event.check_trackable(track.relation);
  -- So that truncate can log what it takes away, and the server can read.
  execute format('grant select on %s to %I', track.relation, event.keeper());
  v_id := event.prepare_capture(track.relation);
  for v_table in
    select track.relation union select t.relid from pg_partition_tree(track.relation) as t
  loop
    foreach v_command in array '{insert,update,delete,truncate}'::text[] loop
      if not exists (
        select from pg_trigger as t
        where t.tgrelid = v_table and t.tgname = 'rowcast_' || v_command and t.tgenabled = 'A'
          and t.tgfoid = to_regproc(format('event.capture_%s_%s', v_id, v_command))
      ) then
        execute format(
          'create or replace trigger %I %s %s on %s %s for each statement execute function event.%I()',
          'rowcast_' || v_command,
          case v_command when 'truncate' then 'before' else 'after' end,
          v_command,
          v_table,
          case v_command
            when 'insert' then 'referencing new table as new_rows'
            when 'update' then 'referencing old table as old_rows new table as new_rows'
            when 'delete' then 'referencing old table as old_rows'
          end,
          format('capture_%s_%s', v_id, v_command));
        -- "Always": also in a session that replays changes with session_replication_role = replica.
        execute format('alter table %s enable always trigger %I', v_table, 'rowcast_' || v_command);
      end if;
    end loop;
  end loop;
end;
$$;
