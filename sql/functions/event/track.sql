-- Captures every change of a table from now on, whoever makes it and however. To be called by the table's owner, once; doing
-- it again is harmless, and takes in what is new, such as partitions (what is written to a new one through the partitioned
-- table is captured anyway). Attaching, detaching or dropping a partition is no change of rows to PostgreSQL, nor to us.
-- Nor does PostgreSQL show what a subscription of its logical replication applies.
--
-- "except": columns that are for nobody, such as password hashes. They are not captured, and nobody can follow them. Each call
-- that names any says all of them; '{}' is none; one that says nothing leaves it as it is. What has been logged stays in the
-- log until that is pruned, but nobody is given it any more.
--
-- Waits for those who write to the table just now; from then on nobody waits.
create or replace function event.track(relation regclass, "except" text[] default null) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp
as $$
declare
  v_id integer;
  v_is_granted boolean := false;
  v_table regclass;
  v_trigger record;
  v_excepted text[];
begin
  perform event.check_trackable(relation);
  v_excepted := event.columns_to_except(relation, "except");
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
      select s.name, s.moment, s.command, s.tables, to_regprocedure(format(s.function, v_id)) as function, s.arguments
      from (
        values
          ('rowcast_open', 'before', 'insert or update or delete', '', 'event.open_statement()', array['rowcast.open_' || v_id]),
          ('rowcast_insert', 'after', 'insert', 'referencing new table as new_rows', 'event.capture_%s_insert()', '{}'),
          ('rowcast_update', 'after', 'update', 'referencing old table as old_rows new table as new_rows', 'event.capture_%s_update()', '{}'),
          ('rowcast_delete', 'after', 'delete', 'referencing old table as old_rows', 'event.capture_%s_delete()', '{}'),
          ('rowcast_truncate', 'before', 'truncate', '', 'event.capture_%s_truncate()', v_excepted)
      ) as s (name, moment, command, tables, function, arguments)
    loop
      continue when exists (
        select from pg_trigger as t
        where t.tgrelid = v_table and t.tgname = v_trigger.name and t.tgfoid = v_trigger.function and t.tgenabled = 'A'
          and t.tgargs = (
            select coalesce(string_agg(convert_to(a.argument, getdatabaseencoding()) || '\x00', '' order by a.place), '')
            from unnest(v_trigger.arguments) with ordinality as a (argument, place)
          )
      );
      execute format('create or replace trigger %I %s %s on %s %s for each statement execute function %s(%s)', v_trigger.name,
        v_trigger.moment, v_trigger.command, v_table, v_trigger.tables, v_trigger.function::oid::regproc,
        (select string_agg(quote_literal(a.argument), ', ' order by a.place)
         from unnest(v_trigger.arguments) with ordinality as a (argument, place)));
      -- "Always": also for whoever replays changes with session_replication_role = replica.
      execute format('alter table %s enable always trigger %I', v_table, v_trigger.name);
    end loop;
  end loop;
  perform event.register_capture(relation, v_id, v_is_granted);
end;
$$;

grant execute on function event.track(regclass, text[]) to public;
