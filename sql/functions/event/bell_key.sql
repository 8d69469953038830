-- The advisory lock of the doorbell, see event.ring(). Any number will do that applications do not use.
create or replace function event.bell_key() returns bigint
language sql immutable parallel safe
return 7310866249043117394;

grant execute on function event.bell_key() to public;
