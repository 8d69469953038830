-- SQL that says whether the transition tables of an update show a key more than once: then a row was updated
-- several times (event.may_chain).
create or replace function event.has_chains_sql(relation regclass, names text[] default null, types oid[] default null) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select format(
    'select exists (select from %s as o group by %s having count(*) > 1) or exists (select from %s as n group by %s having count(*) > 1)',
    event.transition_source(relation, 'old_rows', names, types), event.key_sql(relation, 'o', names, types),
    event.transition_source(relation, 'new_rows', names, types), event.key_sql(relation, 'n', names, types));
$$;

revoke execute on function event.has_chains_sql(regclass, text[], oid[]) from public;
