-- May the caller do everything in Rowcast's schemas? Their owner may, and superusers.
create or replace function event.is_keeper() returns boolean
language sql stable security definer set search_path = ''
as $$ select event.is_member(event.caller(), array[event.keeper()]) $$;
