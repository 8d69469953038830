-- Remakes the capture functions of relations that have been altered since they were made. Until then their changes are
-- captured as rightly, only slower.
create or replace function event.refresh_capture() returns void
language plpgsql security definer set search_path = ''
as $$
declare
  v_id integer;
begin
  if not pg_try_advisory_xact_lock(event.bell_key() + 1) then
    return; -- somebody is at it
  end if;
  for v_id in
    select r.id from event.tracked_relation as r
    join pg_proc as p on p.proname = format('capture_%s_insert', r.id) and p.pronamespace = 'event'::regnamespace
    where strpos(p.prosrc, event.shape(r.oid)) = 0
  loop
    perform event.make_capture_functions(v_id);
  end loop;
end;
$$;
