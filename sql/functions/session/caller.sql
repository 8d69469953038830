-- The role that calls: in a security definer function, current_user is its owner.
create or replace function event.caller() returns name
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select coalesce(nullif(current_setting('role'), 'none')::name, session_user) $$;
