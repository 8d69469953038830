-- Tells the reader that there is something to read, if it sleeps: a sleeping reader holds this lock
-- exclusively. A reader that is awake polls, and is spared: NOTIFY would make commits wait in line.
create or replace function event.ring() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not pg_try_advisory_xact_lock_shared(event.bell_key()) then
    perform pg_notify('rowcast', '');
  end if;
end;
$$;

grant execute on function event.ring() to public;
