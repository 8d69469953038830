-- All that the capture functions of a relation are made from: its shape, the columns that are left out, and the functions that make them. When that has
-- changed, they are out of date.
create or replace function event.capture_version(relation regclass) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select concat_ws('-', capture_version.relation::oid, event.shape(capture_version.relation),
    md5(nullif(event.excepted_columns(capture_version.relation), '{}')::text),
    md5(string_agg(p.prosrc, '' order by p.proname, p.oid)))
  from pg_proc as p
  where p.pronamespace = 'event'::regnamespace and p.proname !~ '^capture_\d';
$$;

revoke execute on function event.capture_version(regclass) from public;
