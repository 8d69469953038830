-- Do these sessions follow something of which changes after this snapshot (null: all) may have been pruned?
create or replace function event.is_expired(sessions uuid[], after pg_snapshot) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_horizon constant xid8 := event.log_horizon();
begin
  return coalesce(pg_snapshot_xmin(after) < v_horizon, true) and exists (
    select from event.subscription as u
    where u.session_id = any (sessions) and u.definition is null and pg_snapshot_xmin(u.since) < v_horizon
  );
end;
$$;

revoke execute on function event.is_expired(uuid[], pg_snapshot) from public;
