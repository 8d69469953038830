-- Creates sessions for browsers, for a server; gives the ids of those that it created. An identity, that is owner and
-- subject, has "at_most" so many: then those go that are not attached and have not been seen for longest, and if
-- all are attached, none is created.
create or replace function event.create_sessions(sessions json, expires_after interval) returns setof uuid
language plpgsql set search_path = ''
as $$
declare
  v_epoch constant text := event.epoch();
  v_full record;
begin
  -- One identity creates after the other. Always in this order, so that no two servers wait for each other.
  perform pg_advisory_xact_lock(event.session_lock_class(), k.key)
  from (
    select distinct hashtext(json_build_array(w.owner, w.subject)::text) as key
    from json_to_recordset(sessions) as w (owner name, subject text, at_most bigint)
    where w.at_most is not null
    order by key
  ) as k;

  for v_full in
    select i.owner, i.subject, p.number + i.number - i.at_most as excess
    from (
      select w.owner, w.subject, min(w.at_most) as at_most, count(*) as number
      from json_to_recordset(sessions) as w (owner name, subject text, at_most bigint)
      where w.at_most is not null
      group by w.owner, w.subject
    ) as i
    cross join lateral event.count_sessions(i.owner, i.subject) as p (number)
    where p.number + i.number > i.at_most
  loop
    delete from event.session as s
    using (
      select o.id from event.session as o
      where o.owner = v_full.owner and o.token_hash is not null
        and (o.subject = v_full.subject or v_full.subject is null and o.subject is null) and not event.is_attached(o.id)
      order by o.last_seen_at, o.id
      limit v_full.excess
      for update skip locked -- who is just being attached stays
    ) as oldest
    where s.id = oldest.id;
  end loop;

  return query
  insert into event.session (id, owner, subject, claims, token_hash, position, epoch, expires_after, expires_at)
  select w.id, w.owner, w.subject, w.claims, decode(w.token_hash, 'hex'), pg_current_snapshot(), v_epoch,
    create_sessions.expires_after, now() + create_sessions.expires_after
  from (
    select *, row_number() over (partition by r.owner, r.subject) as place
    from json_to_recordset(sessions) as r (id uuid, owner name, subject text, claims jsonb, token_hash text, at_most bigint)
  ) as w
  left join lateral event.count_sessions(w.owner, w.subject) as p (number) on w.at_most is not null
  where w.at_most is null or p.number + w.place <= w.at_most
  returning event.session.id;
end;
$$;

revoke execute on function event.create_sessions(json, interval) from public;
