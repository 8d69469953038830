-- Trigger function: tells the servers that sessions of theirs are no more. One that had expired had nobody attached,
-- and those made in SQL have no server.
create or replace function event.notify_ended() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
  perform pg_notify('rowcast_session', e.id::text)
  from ended as e
  where e.token_hash is not null and (e.expires_at is null or e.expires_at > now());
  return null;
end;
$$;

create or replace trigger session_notify_ended after delete on event.session
  referencing old table as ended for each statement execute function event.notify_ended();
