-- The session, if the caller may use it; else RC001. One error whether it does not exist, has expired or
-- is somebody else's: a stranger learns nothing.
create or replace function event.require_session(session uuid) returns event.session
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_session event.session;
begin
  select s.* into v_session from event.session as s
  where s.id = session and (s.expires_at is null or s.expires_at > now()) and event.may_use(s);
  if not found then
    raise exception using errcode = 'RC001', message = format('there is no session %s, or it is not yours', coalesce(session::text, 'null')),
      hint = 'Create one: select event.session_create().';
  end if;
  return v_session;
end;
$$;

revoke execute on function event.require_session(uuid) from public;
