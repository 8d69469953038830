-- Is the session in use now: at a server that runs, other than the given one? A server that has been killed or frozen
-- counts for a minute and a half, three times as long as servers take to say that they run.
create or replace function event.is_attached(session uuid, elsewhere_than uuid default null) returns boolean
language sql stable set search_path = ''
as $$
  select exists (
    select from event.server_session as a
    join event.server as v on v.id = a.server_id
    where a.session_id = session and a.server_id is distinct from elsewhere_than and v.seen_at > now() - interval '90 s'
  )
$$;

revoke execute on function event.is_attached(uuid, uuid) from public;
