-- Deletes sessions that have expired, so many at the most; gives how many. Waits for nobody. What is attached to a server
-- does not expire, whatever the clock has done.
create or replace function event.forget_expired_sessions(at_most integer default 1000) returns bigint
language sql security definer set search_path = pg_catalog, pg_temp
as $$
  with expired as (
    delete from event.session as s
    using (
      select o.id from event.session as o
      where o.expires_at <= now() and not exists (select from event.server_session as a where a.session_id = o.id)
      order by o.expires_at
      limit at_most
      for update skip locked
    ) as old
    where s.id = old.id
    returning s.id
  )
  select count(*) from expired
$$;

revoke execute on function event.forget_expired_sessions(integer) from public;
