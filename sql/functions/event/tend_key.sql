-- The advisory lock of who tends the change log. Any number will do that applications do not use.
create or replace function event.tend_key() returns bigint
language sql immutable parallel safe
return 7310866249043117395;

revoke execute on function event.tend_key() from public;
