-- Acknowledges everything in the inbox up to and with the transaction that has this position. Twice is harmless,
-- and so is a position that has been passed.
create or replace function event.ack(session uuid, up_to text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_session constant event.session := event.require_session(session);
  v_parts constant text[] := regexp_match(up_to, '^([0-9A-Za-z_-]+)/([0-9]+:[0-9]+:[0-9,]*)(?:/([0-9]{1,18}))?$');
  v_to pg_snapshot;
  v_later xid8[];
begin
  begin
    v_to := v_parts[2]::pg_snapshot;
  exception when invalid_text_representation then
    v_to := null;
  end;
  if v_to is null then
    raise exception using errcode = 'RC007', message = format('not a position: %s', coalesce(up_to, 'null')),
      hint = 'Take one from event.inbox().';
  end if;
  if v_parts[1] <> event.epoch() or pg_snapshot_xmax(v_to) > pg_snapshot_xmax(pg_current_snapshot()) then
    raise exception using errcode = 'RC007',
      message = format('position %s is not of the past of this database', up_to), hint = 'Read event.inbox() again.';
  end if;

  -- What the position says is seen, but for the transactions that come after it in the inbox.
  if v_parts[3] is not null then
    v_later := array(
      select d.xid
      from event.deliveries(array[session], event.session_position(v_session), v_to) as d
      group by d.xid
      having (select max(c.seq) from event.change as c where c.xid = d.xid) > v_parts[3]::bigint
    );
    v_to := event.make_snapshot(pg_snapshot_xmax(v_to), array(select pg_snapshot_xip(v_to)) || v_later);
  end if;
  update event.session as s
  set position = case when s.position is null then v_to else event.merge_positions(s.position, v_to) end,
    last_seen_at = now(), expires_at = coalesce(now() + s.expires_after, s.expires_at)
  where s.id = session;
end;
$$;
