-- Creates sessions for browsers, for a server: [{id, owner, subject, claims, token_hash, at_most}]. Gives the ids of those
-- that it created. An identity, that is owner and subject, has "at_most" so many: then those go that are not
-- attached and have not been seen for longest; if all are attached, none is created.
create or replace function event.create_sessions(sessions json, expires_after interval) returns setof uuid
language plpgsql
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan -- the tables may have grown much since it was last called
as $$
declare
  v_epoch constant text := event.epoch();
  v_identity record;
begin
  -- One identity creates after the other. Always in this order, so that no two servers wait for each other.
  perform pg_advisory_xact_lock(event.session_lock_class(), k.key)
  from (
    select distinct hashtext(json_build_array(w.owner, w.subject)::text) as key
    from json_to_recordset(sessions) as w (owner text, subject text, at_most bigint)
    where w.at_most is not null
    order by key
  ) as k;

  for v_identity in
    select i.owner, i.subject, p.number + i.number - i.at_most as excess
    from (
      select w.owner, w.subject, min(w.at_most) as at_most, count(*) as number
      from json_to_recordset(sessions) as w (owner name, subject text, at_most bigint)
      where w.at_most is not null
      group by w.owner, w.subject
    ) as i
    cross join lateral (
      select count(*) from event.session as s
      where s.token_hash is not null and s.owner = i.owner and coalesce(s.subject, '') = coalesce(i.subject, '')
        and s.subject is not distinct from i.subject
    ) as p (number)
    where p.number + i.number > i.at_most
  loop
    delete from event.session as s
    using (
      select o.id from event.session as o
      where o.token_hash is not null and o.owner = v_identity.owner and coalesce(o.subject, '') = coalesce(v_identity.subject, '')
        and o.subject is not distinct from v_identity.subject
        and not exists (select from event.server_attachment as a where a.session_id = o.id)
      order by o.last_seen_at, o.id
      limit v_identity.excess
      for update skip locked -- who is just being attached stays
    ) as oldest
    where s.id = oldest.id;
  end loop;

  return query
  with wanted as materialized (
    select *, row_number() over (partition by w.owner, w.subject) as place
    from json_to_recordset(sessions) as w (id uuid, owner name, subject text, claims jsonb, token_hash text, at_most bigint)
  ),
  identity as materialized (
    select i.owner, i.subject, (
      select count(*) from event.session as s
      where s.token_hash is not null and s.owner = i.owner and coalesce(s.subject, '') = coalesce(i.subject, '')
        and s.subject is not distinct from i.subject
    ) as number
    from (select distinct w.owner, w.subject from wanted as w where w.at_most is not null) as i
  )
  insert into event.session (id, owner, subject, claims, token_hash, position, epoch, expires_after, expires_at)
  select w.id, w.owner, w.subject, w.claims, decode(w.token_hash, 'hex'), pg_current_snapshot(), v_epoch,
    create_sessions.expires_after, now() + create_sessions.expires_after
  from wanted as w
  left join identity as i on i.owner = w.owner and coalesce(i.subject, '') = coalesce(w.subject, '') and i.subject is not distinct from w.subject
  where w.at_most is null or i.number + w.place <= w.at_most
  returning event.session.id;
end;
$$;

revoke execute on function event.create_sessions(json, interval) from public;
