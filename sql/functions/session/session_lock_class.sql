-- First half of the advisory locks by which the sessions of one identity are created one after the other. Any number
-- will do that applications do not use.
create or replace function event.session_lock_class() returns integer
language sql immutable parallel safe
return 1919910771;

revoke execute on function event.session_lock_class() from public;
