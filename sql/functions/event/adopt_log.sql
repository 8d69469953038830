-- Makes a change log that came here in a dump fit: transaction ids begin anew in another cluster. What it holds is kept,
-- but no position leads to it, not even when its transaction ids are given out again.
create or replace function event.adopt_log() returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_cluster constant bigint := (select s.system_identifier from pg_control_system() as s);
  v_now pg_snapshot;
  v_xid bigint;
begin
  perform pg_advisory_xact_lock(event.tend_key());
  if exists (select from event.log_origin as o where o.system_identifier = v_cluster) then
    return;
  end if;
  v_xid := event.open_part((pg_sequence_last_value('event.log_part_seq'::regclass) & 7)::integer, clock_timestamp());
  update event.log_part as p set end_xid = v_xid::text::xid8, over_at = null where p.closed_at is not null;
  perform setval('event.log_horizon_seq', 0);

  -- Rows that are here, of transactions that cannot have written them: all that was written here has higher numbers.
  v_now := event.current_position();
  perform setval('event.log_start_seq', greatest(
    pg_sequence_last_value('event.log_start_seq'::regclass),
    (
      select max(c.seq) + 1 from event.change as c
      where c.xid >= pg_snapshot_xmin(v_now) and not pg_visible_in_snapshot(c.xid, v_now) and c.xid <> pg_current_xact_id()
    )
  ));
  update event.log_origin as o set system_identifier = v_cluster;
end;
$$;

revoke execute on function event.adopt_log() from public;
