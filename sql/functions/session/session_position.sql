-- Where the session stands. Its position is kept in the database that keeps the log, so a crash takes back both or
-- neither; but in another cluster (a restored dump, an upgrade) transaction ids begin anew, and the log is not kept for
-- ever. Then the session begins anew too, and a warning says so: a gap is never silent.
create or replace function event.session_position(session event.session) returns pg_snapshot
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_epoch constant text := event.epoch();
  v_now constant pg_snapshot := event.current_position();
  v_reason text;
begin
  if split_part(session.epoch, '-', 1) <> split_part(v_epoch, '-', 1) or pg_snapshot_xmax(session.position) > pg_snapshot_xmax(v_now) then
    v_reason := 'the database has been restored elsewhere, what happened before is not delivered';
  elsif event.is_expired(array[session.id], session.position) then
    v_reason := 'it has come back too late, what has been pruned from the change log is not delivered';
  else
    return session.position;
  end if;
  update event.session as s set position = v_now, epoch = v_epoch where s.id = session.id;
  update event.subscription as u set since = v_now where u.session_id = session.id;
  raise warning using message = format('session %s begins anew: %s', session.id, v_reason), hint = 'Read again what it follows.';
  return v_now;
end;
$$;

revoke execute on function event.session_position(event.session) from public;
