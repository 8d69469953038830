-- Detaches sessions from a server. They are seen for the last time now.
create or replace function event.leave_sessions(server uuid, sessions uuid[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan -- the tables may have grown much since it was last called
as $$
begin
  delete from event.server_session as a where a.server_id = server and a.session_id = any (sessions);
  update event.session as s set last_seen_at = now()
  from (
    select l.id from event.session as l
    where l.id = any (sessions) and l.last_seen_at < now() - interval '1 min'
    order by l.id
    for no key update skip locked
  ) as o
  where s.id = o.id;
end;
$$;

revoke execute on function event.leave_sessions(uuid, uuid[]) from public;
