-- The columns of a relation that event.track() was told to leave out: as it was told, and by the number and the name that
-- each has now; no name if it is lost. A column that has been dropped has a name that no other has.
--
-- A column keeps its number when it is renamed, but not on its way through a dump, where the table becomes another. PostgreSQL
-- is asked by number for the name as it is, whatever the transaction sees of the catalogue.
create or replace function event.find_excepted(relation regclass)
returns table (relation_id integer, asked text, number smallint, name text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select e.relation_id, e.asked, n.number, n.name
  from event.tracked_relation as r
  join event.excepted_column as e on e.relation_id = r.id
  left join lateral (
    select e.number, (pg_identify_object_as_address('pg_class'::regclass, r.oid, e.number)).object_names[3]
    where e.table_oid = r.oid
    union all
    select a.attnum, a.attname
    from pg_attribute as a
    where e.table_oid <> r.oid and a.attrelid = r.oid and a.attname = e.name and a.attnum > 0 and not a.attisdropped
  ) as n (number, name) on true
  where r.oid = find_excepted.relation;
$$;

revoke execute on function event.find_excepted(regclass) from public;
