-- Removes the attachments of connections that are gone. Waits for nobody.
create or replace function event.forget_lost_attachments() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_stat_clear_snapshot(); -- or a long transaction would miss who has come since it first looked
  delete from event.attachment as a
  using (
    select l.session_id, l.pid
    from event.attachment as l
    where not exists (
      select from pg_catalog.pg_stat_activity as c
      -- The start of another role's connection may be hidden from us; then the pid has to do.
      where c.pid = l.pid and coalesce(c.backend_start, l.backend_start) = l.backend_start
    )
    for update skip locked
  ) as lost
  where a.session_id = lost.session_id and a.pid = lost.pid;
end;
$$;

revoke execute on function event.forget_lost_attachments() from public;
