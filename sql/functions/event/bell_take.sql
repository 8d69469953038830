-- Takes the bell for a session that would like to sleep, and tells
-- ours: it has it now, and did not have it before. others: another session holds it. busy: captured transactions are in flight.
create or replace function event.bell_take() returns text
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  if pg_try_advisory_lock(event.bell_key()) then
    return 'ours';
  elsif pg_try_advisory_lock_shared(event.bell_key()) then
    perform pg_advisory_unlock_shared(event.bell_key());
    return 'busy';
  end if;
  return 'others';
end;
$$;

revoke execute on function event.bell_take() from public;
