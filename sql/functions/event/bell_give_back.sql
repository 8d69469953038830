-- Gives the bell back, and passes the wake-up on: whoever sleeps because somebody else held the bell must look by itself
-- from now on. Not a ring: the payload tells. It goes out at commit, when the bell is free already.
create or replace function event.bell_give_back() returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_unlock(event.bell_key());
  perform pg_notify('rowcast', 'awake');
end;
$$;

revoke execute on function event.bell_give_back() from public;
