-- Captures every change of a table from now on, whoever makes it and however. To be called by the table's owner, once; doing
-- it again is harmless, and takes in what is new, such as partitions (what is written to a new one through the partitioned
-- table is captured anyway). Attaching, detaching or dropping a partition is no change of rows to PostgreSQL, nor to us.
-- Nor does PostgreSQL show what a subscription of its logical replication applies.
--
-- Waits for those who write to the table just now; from then on nobody waits.
create or replace function event.track(relation regclass) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  v_id integer;
  v_is_granted boolean := false;
  v_table regclass;
  v_trigger record;
begin
  perform event.check_trackable(relation);
  -- Truncate takes rows away without showing them: its capture must read the table. (No grant is needed of a superuser.)
  for v_table in select event.partitions(relation) loop
    perform event.grant_schema_usage(v_table);
    if not has_table_privilege(event.keeper(), v_table, 'select') then
      execute format('grant select on %s to %I', v_table, event.keeper());
      v_is_granted := true;
    end if;
  end loop;

  v_id := event.make_capture(relation);
  for v_table in select event.partitions(relation) loop
    for v_trigger in
      select s.name, s.moment, s.command, s.tables, to_regprocedure(format(s.function, v_id)) as function, s.argument
      from (
        values
          ('rowcast_open', 'before', 'insert or update or delete', '', 'event.open_statement()', quote_literal('rowcast.open_' || v_id)),
          ('rowcast_insert', 'after', 'insert', 'referencing new table as new_rows', 'event.capture_%s_insert()', ''),
          ('rowcast_update', 'after', 'update', 'referencing old table as old_rows new table as new_rows', 'event.capture_%s_update()', ''),
          ('rowcast_delete', 'after', 'delete', 'referencing old table as old_rows', 'event.capture_%s_delete()', ''),
          ('rowcast_truncate', 'before', 'truncate', '', 'event.capture_%s_truncate()', '')
      ) as s (name, moment, command, tables, function, argument)
    loop
      continue when exists (
        select from pg_trigger as t
        where t.tgrelid = v_table and t.tgname = v_trigger.name and t.tgfoid = v_trigger.function and t.tgenabled = 'A'
          and strpos(pg_get_triggerdef(t.oid), v_trigger.argument) > 0
      );
      execute format('create or replace trigger %I %s %s on %s %s for each statement execute function %s(%s)', v_trigger.name,
        v_trigger.moment, v_trigger.command, v_table, v_trigger.tables, v_trigger.function::oid::regproc, v_trigger.argument);
      -- "Always": also for whoever replays changes with session_replication_role = replica.
      execute format('alter table %s enable always trigger %I', v_table, v_trigger.name);
    end loop;
  end loop;
  perform event.register_capture(relation, v_id, v_is_granted);
end;
$$;

grant execute on function event.track(regclass) to public;
