-- Ends a subscription; what it alone concerned leaves the inbox.
create or replace function event.unsubscribe(session uuid, subscription text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform event.require_session(session);
  delete from event.subscription as s where s.session_id = session and s.id = subscription;
  if not found then
    raise exception using errcode = 'RC002', message = format('session %s has no subscription %s', session, coalesce(subscription, 'null')),
      hint = format('It has those in: select id from event.session_subscription where session_id = %L', session);
  end if;
end;
$$;
