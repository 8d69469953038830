-- Creates a session that belongs to the caller, and gives its id. Keep the id to yourself: who knows it can
-- LISTEN to the channel of that name, as PostgreSQL lets everybody do.
--
-- It stays until it is deleted; or, if so told, until it has neither been attached nor acknowledged anything
-- for that long.
create or replace function event.session_create(expires_after interval default null) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
begin
  if expires_after <= interval '0' then
    raise invalid_parameter_value using message = format('a session cannot expire after %s', expires_after),
      hint = 'Give a time from now on, e.g. interval ''1 day'', or nothing.';
  end if;
  perform event.forget_lost_attachments();
  perform event.forget_expired_sessions(100); -- where no server runs, nobody else does
  insert into event.session (owner, position, epoch, expires_after, expires_at)
  values (event.caller(), event.current_position(), event.epoch(), session_create.expires_after, now() + session_create.expires_after)
  returning id into v_id;
  return v_id;
end;
$$;
