-- Trigger function: tells the servers that sessions of theirs are no more. One that had expired had nobody attached,
-- and those made in SQL have no server. A full queue would make the commit fail, and servers find out by themselves in
-- half a minute.
create or replace function event.notify_ended() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('rowcast_session', e.id::text)
  from ended as e
  where e.token_hash is not null and (e.expires_at is null or e.expires_at > now())
    and pg_notification_queue_usage() < 0.5;
  return null;
end;
$$;

revoke execute on function event.notify_ended() from public;

create or replace trigger session_notify_ended after delete on event.session
  referencing old table as ended for each statement execute function event.notify_ended();
