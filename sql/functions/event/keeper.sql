-- The role that owns Rowcast's schemas.
create or replace function event.keeper() returns name
language sql stable
return (select pg_get_userbyid(n.nspowner) from pg_namespace as n where n.nspname = 'event');

grant execute on function event.keeper() to public;
