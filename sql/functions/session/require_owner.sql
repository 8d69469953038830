-- As event.require_session(), and refuses a role that may only use the session.
create or replace function event.require_owner(session uuid) returns event.session
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_session constant event.session := event.require_session(session);
begin
  if event.is_keeper() or event.is_member(event.caller(), array[v_session.owner]) then
    return v_session;
  end if;
  raise exception using errcode = '42501', message = format('must be owner of session %s', session);
end;
$$;

revoke execute on function event.require_owner(uuid) from public;
