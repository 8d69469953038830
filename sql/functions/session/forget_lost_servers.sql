-- Removes what servers have left that run no more. Waits for nobody. After the clock has jumped, those that run look like
-- those that do not, until they have said so again: not to be called then.
create or replace function event.forget_lost_servers() returns void
language sql set search_path = pg_catalog, pg_temp
as $$
  with lost as (
    delete from event.server as v
    using (
      select o.id from event.server as o where not event.is_running(o) for update skip locked
    ) as old
    where v.id = old.id
    returning v.id
  )
  delete from event.server_session as a using lost as l where a.server_id = l.id
$$;

revoke execute on function event.forget_lost_servers() from public;
