-- Announces what this transaction has logged of a relation, from one sequence number to another, to the connections attached to
-- the sessions that it concerns. Called by capture, in the writer's own transaction, which must not fail by it: what
-- goes wrong here goes to the server's log, and the inbox has the change anyway. Each message has its sequence number
-- and its field, so PostgreSQL never takes two for one. A bulk write is announced by one message that says to read
-- the inbox; and so is all of a relation that looks otherwise to a role which the session was granted to: whoever is attached
-- hears the same.
create or replace function event.notify_attached(relation_id integer, first_seq bigint, last_seq bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit constant integer := 1000;
  v_sessions uuid[];
  v_guarded uuid[];
begin
  v_sessions := array(
    select distinct u.session_id
    from event.attachment as a
    join event.subscription as u on u.session_id = a.session_id
    where u.relation_id = notify_attached.relation_id
  );
  -- A full queue would make commits fail. It fills when somebody listens and never looks.
  if v_sessions = '{}' or pg_notification_queue_usage() > 0.5 then
    return;
  end if;
  if last_seq - first_seq >= v_limit then
    perform pg_notify(s.id::text, format('{"seq":%s,"transaction":"%s","truncated":true}', last_seq, pg_current_xact_id()))
    from unnest(v_sessions) as s (id);
    return;
  end if;
  v_guarded := array(
    select u.session_id
    from event.subscription as u
    join event.session as s on s.id = u.session_id
    join event.session_member as m on m.session_id = u.session_id
    join event.tracked_relation as t on t.id = u.relation_id
    where u.relation_id = notify_attached.relation_id and u.session_id = any (v_sessions)
      and (not event.may_follow(m.role, t.oid, u.column_name)
        or event.visible_columns(m.role, t.oid) is distinct from event.visible_columns(s.owner, t.oid))
  );
  perform pg_notify(d.session_id::text, case
    when d.session_id = any (v_guarded) then format('{"seq":%s,"transaction":"%s","truncated":true}', d.seq, d.xid)
    else event.notification(
      d.seq, d.xid, d.op, d.kind, event.atom_id(d.relation, d.key, d.column_name), d.subscriptions, d.data)
  end)
  from (
    select x.* from event.deliveries(v_sessions, null, null, first_seq, last_seq) as x order by x.seq, x.place
  ) as d;
exception when others then
  raise log 'rowcast: attached sessions were not notified of changes % to %: % (%)', first_seq, last_seq, sqlerrm, sqlstate;
end;
$$;

revoke execute on function event.notify_attached(integer, bigint, bigint) from public;
