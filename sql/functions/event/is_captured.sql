-- Is this table the tracked relation, or still a partition of it?
create or replace function event.is_captured(relation_id integer, captured oid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from event.tracked_relation as r
    where r.id = is_captured.relation_id
      and (r.oid = is_captured.captured or r.oid in (select a.relid from pg_partition_ancestors(is_captured.captured) as a))
  );
$$;

revoke execute on function event.is_captured(integer, oid) from public;
