-- Notes that sessions are in use. Written only where the last note is older than "precision" or than a tenth of the
-- time after which the session expires; and the expiry only in the latter case, so that its index seldom changes.
create or replace function event.touch_sessions(sessions uuid[], "precision" interval, expires_after interval) returns void
language sql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
  update event.session as s
  set last_seen_at = now(),
    expires_after = touch_sessions.expires_after,
    expires_at = case when d.is_due then now() + touch_sessions.expires_after else s.expires_at end
  from (
    select l.id, e.is_due
    from event.session as l
    cross join lateral (
      select l.expires_after is distinct from touch_sessions.expires_after
        or coalesce(l.expires_at < now() + touch_sessions.expires_after * 0.9, false)
    ) as e (is_due)
    where l.id = any (sessions) and (e.is_due or l.last_seen_at < now() - "precision")
    order by l.id
    for no key update of l
  ) as d
  where s.id = d.id
$$;

revoke execute on function event.touch_sessions(uuid[], interval, interval) from public;
