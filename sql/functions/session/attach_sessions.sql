-- Attaches sessions to a server, makes each follow what is wanted, and gives the ids of those that exist. What stays
-- keeps its beginning; where nothing changes, nothing is written but that the server has it.
--
-- One that is alone, that is without another connection to this server, follows exactly what is wanted; unless it
-- is attached to another server too: what is followed there is not ended from here.
--
-- sessions: [{id, is_alone}]; wanted: [{session_id, id, kind, relation_id, key, column_name, definition}].
create or replace function event.attach_sessions(server uuid, sessions json, wanted json, expires_after interval) returns setof uuid
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan -- the tables may have grown much since it was last called
as $$
declare
  v_sessions uuid[];
begin
  -- One server attaches it after the other, and not while it is being deleted. What is locked here is seen below.
  v_sessions := array(
    select s.id from event.session as s
    where s.id in (select r.id from json_to_recordset(sessions) as r (id uuid)) and (s.expires_at is null or s.expires_at > now())
    order by s.id
    for no key update
  );
  perform event.touch_sessions(v_sessions, interval '1 min', attach_sessions.expires_after);
  insert into event.server (id) select server where not exists (select from event.server as v where v.id = server)
  on conflict do nothing;

  with want as materialized (
    select distinct on (r.session_id, r.id) r.*
    from json_to_recordset(attach_sessions.wanted)
      as r (session_id uuid, id text, kind text, relation_id integer, key text, column_name text, definition jsonb)
    where r.session_id = any (v_sessions)
  ),
  replaced as (
    delete from event.subscription as u
    using (
      select r.id from json_to_recordset(sessions) as r (id uuid, is_alone boolean)
      where r.id = any (v_sessions)
      group by r.id
      having bool_or(r.is_alone)
    ) as a
    where u.session_id = a.id and not exists (select from event.server_attachment as o where o.session_id = a.id and o.server_id <> server)
      and not exists (select from want as w where w.session_id = u.session_id and w.id = u.id)
  ),
  attached as (
    insert into event.server_session (session_id, server_id)
    select s.id, server from unnest(v_sessions) as s (id)
    where not exists (select from event.server_session as a where a.session_id = s.id and a.server_id = server)
    on conflict do nothing
  )
  insert into event.subscription (session_id, id, kind, relation_id, key, column_name, definition, since)
  select w.session_id, w.id, w.kind, w.relation_id, w.key, w.column_name, w.definition, pg_current_snapshot()
  from want as w
  where not exists (
    select from event.subscription as u where u.session_id = w.session_id and u.id = w.id and u.relation_id = w.relation_id
  )
  -- Another table of the same name.
  on conflict on constraint subscription_pkey do update set relation_id = excluded.relation_id;

  return query select unnest(v_sessions);
end;
$$;

revoke execute on function event.attach_sessions(uuid, json, json, interval) from public;
