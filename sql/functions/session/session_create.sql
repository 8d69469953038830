-- Creates a session that belongs to the caller, and gives its id. Keep the id to yourself: who knows it can
-- LISTEN to the channel of that name, as PostgreSQL lets everybody do.
create or replace function event.session_create() returns uuid
language plpgsql security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  perform event.forget_lost_attachments();
  insert into event.session (owner, position, epoch)
  values (event.caller(), event.current_position(), event.epoch())
  returning id into v_id;
  return v_id;
end;
$$;
