-- What is visible now, but for what the current transaction itself does: that is still to come, also where
-- PostgreSQL's own function would say that it is visible.
create or replace function event.current_position() returns pg_snapshot
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant pg_snapshot := pg_current_snapshot();
begin
  return event.make_snapshot(pg_snapshot_xmax(v_now), array(select pg_snapshot_xip(v_now)) || pg_current_xact_id_if_assigned());
end;
$$;

revoke execute on function event.current_position() from public;
