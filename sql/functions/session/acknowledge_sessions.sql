-- Notes for a server that sessions have everything up to a position: [{id, epoch, snapshot}]. What would take a session
-- back is not noted, nor what is not of the past of this database.
create or replace function event.acknowledge_sessions(positions json) returns void
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan -- the tables may have grown much since it was last called
as $$
declare
  v_epoch constant text := event.epoch();
begin
  update event.session as s
  set position = p.snapshot, epoch = v_epoch, last_seen_at = now(),
    expires_at = case when s.expires_at < now() + s.expires_after * 0.9 then now() + s.expires_after else s.expires_at end
  from (
    select l.id, r.snapshot
    from (
      select distinct on (a.id) a.id, a.snapshot
      from json_to_recordset(positions) as a (id uuid, epoch text, snapshot pg_snapshot)
      where a.epoch = v_epoch and pg_snapshot_xmax(a.snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
      order by a.id, pg_snapshot_xmax(a.snapshot) desc
    ) as r
    join event.session as l on l.id = r.id
    where l.epoch is distinct from v_epoch or l.position is null
      or pg_snapshot_xmax(l.position) <= pg_snapshot_xmax(r.snapshot) and l.position::text <> r.snapshot::text
    order by l.id
    for no key update of l
  ) as p
  where s.id = p.id;
end;
$$;

revoke execute on function event.acknowledge_sessions(json) from public;
