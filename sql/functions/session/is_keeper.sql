-- May the caller use all sessions? Who owns Rowcast's schemas may, superusers, and those who run servers.
create or replace function event.is_keeper() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select event.is_member(event.caller(), array[event.keeper()]) or has_table_privilege(event.caller(), 'event.session', 'delete')
$$;
