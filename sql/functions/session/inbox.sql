-- What has happened to what the session follows and has not been acknowledged: whole transactions, in the order
-- of the last sequence number of each. Nothing is kept for it: it is the change log after the session's position.
create or replace function event.inbox(session uuid) returns setof event.inbox_entry
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_position constant pg_snapshot := event.session_position(event.require_session(session));
  v_now constant pg_snapshot := event.current_position();
  v_batch constant text := event.epoch() || '/' || v_now || '/';
begin
  return query
  with delivery as materialized (
    select d.* from event.deliveries(array[session], v_position, v_now, reader => event.caller()) as d
  ),
  transaction as materialized (
    select x.xid, (select max(c.seq) from event.change as c where c.xid = x.xid) as last_seq
    from (select distinct d.xid from delivery as d) as x
  )
  select v_batch || t.last_seq, d.seq, d.xid, d.at, d.op, d.kind, d.relation,
    event.atom_id(d.relation, d.key, d.column_name), d.subscriptions, d.data
  from delivery as d
  join transaction as t on t.xid = d.xid
  order by t.last_seq, d.seq, d.place;
end;
$$;
