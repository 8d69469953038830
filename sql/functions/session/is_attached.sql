-- Is the session in use now: at a server that runs, other than the given one?
create or replace function event.is_attached(session uuid, elsewhere_than uuid default null) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from event.server_session as a
    join event.server as v on v.id = a.server_id
    where a.session_id = session and a.server_id is distinct from elsewhere_than and event.is_running(v)
  )
$$;

revoke execute on function event.is_attached(uuid, uuid) from public;
