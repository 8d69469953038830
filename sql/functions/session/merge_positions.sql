-- Everything that is visible in one or the other.
create or replace function event.merge_positions(one pg_snapshot, other pg_snapshot) returns pg_snapshot
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select event.make_snapshot(pg_snapshot_xmax(o.later), array(
    select x.xid from pg_snapshot_xip(o.later) as x (xid) where not pg_visible_in_snapshot(x.xid, o.earlier)
  ))
  from (
    select case when pg_snapshot_xmax(one) > pg_snapshot_xmax(other) then one else other end,
           case when pg_snapshot_xmax(one) > pg_snapshot_xmax(other) then other else one end
  ) as o (later, earlier)
$$;

revoke execute on function event.merge_positions(pg_snapshot, pg_snapshot) from public;
