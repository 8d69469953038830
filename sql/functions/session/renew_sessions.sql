-- Says for a server that it runs, and which sessions are attached to it; those do not expire. Gives the ids of those
-- that are no longer there: they have been ended elsewhere.
create or replace function event.renew_sessions(server uuid, sessions uuid[], expires_after interval) returns setof uuid
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan -- the tables may have grown much since it was last called
as $$
begin
  insert into event.server (id) values (server) on conflict (id) do update set seen_at = now();
  -- Hashed, however few PostgreSQL thinks there are.
  delete from event.server_session as a where a.server_id = server and a.session_id not in (select unnest(sessions));
  insert into event.server_session (session_id, server_id)
  select s.id, server
  from (
    select l.id from event.session as l
    where l.id = any (sessions)
      and not exists (select from event.server_session as a where a.session_id = l.id and a.server_id = server)
    for key share of l skip locked
  ) as s
  on conflict do nothing;
  perform event.touch_sessions(sessions, interval '10 min', renew_sessions.expires_after);
  return query select i.id from unnest(sessions) as i (id) where not exists (select from event.session as s where s.id = i.id);
end;
$$;

revoke execute on function event.renew_sessions(uuid, uuid[], interval) from public;
