-- Names this history of the database. It changes whenever commits that clients have seen may have been taken back:
-- then transaction ids are given out again, and positions of before mean nothing. Writes a new id where
-- event.incarnation has been emptied. A database that was restored from a dump or cloned has that row too, but another oid.
create or replace function event.epoch() returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
begin
  if not exists (
    select from event.log_origin as o join pg_control_system() as s on s.system_identifier = o.system_identifier
  ) then
    perform event.adopt_log();
  end if;
  select i.id into v_id from event.incarnation as i;
  while v_id is null loop
    -- Of several at once, one writes and the others read what it wrote.
    insert into event.incarnation default values on conflict do nothing;
    select i.id into v_id from event.incarnation as i;
  end loop;
  return concat_ws('-', (select s.system_identifier from pg_control_system() as s),
    (select d.oid from pg_database as d where d.datname = current_database()), v_id);
end;
$$;

grant execute on function event.epoch() to public;
