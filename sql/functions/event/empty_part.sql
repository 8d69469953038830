-- Empties a closed part of the change log, unless somebody uses it just now: then it says so, and nobody waits, neither this nor
-- those who would come after. The horizon moves before the rows go: TRUNCATE takes them from snapshots of before, too, and who reads
-- by one of those has to notice.
create or replace function event.empty_part(part integer) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
begin
  for v_try in 1 .. 10 loop
    begin
      execute format('lock table event.change_%s in access exclusive mode nowait', part);
      perform setval('event.log_horizon_seq', greatest(event.log_horizon(), p.end_xid)::text::bigint)
      from event.log_part as p
      where p.part = empty_part.part;
      execute format('truncate event.change_%s', part);
      update event.log_part as p
      set opened_at = null, closed_at = null, end_xid = null, over_at = null, freed_xid = pg_current_xact_id()
      where p.part = empty_part.part;
      return true;
    exception when lock_not_available then
      perform pg_sleep(0.01);
    end;
  end loop;
  return false;
end;
$$;

revoke execute on function event.empty_part(integer) from public;
