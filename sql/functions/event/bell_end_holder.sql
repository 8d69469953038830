-- Ends the connection of a holder of the bell that sleeps too long: true if it was still as event.bell_holder() told. One that
-- is at work is left alone, unless its work is to send to somebody who does not read.
create or replace function event.bell_end_holder(holder integer, silent_since text) returns boolean
language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce(bool_or(pg_terminate_backend(a.pid)), false)
  from pg_stat_activity as a
  where a.pid = bell_end_holder.holder and a.state_change = bell_end_holder.silent_since::timestamptz
    and (a.state <> 'active' or a.wait_event = 'ClientWrite');
end;

revoke execute on function event.bell_end_holder(integer, text) from public;
