-- The tables whose rows the trigger of this one has to log when truncate fires it: itself, and of its partitions those that
-- have no such trigger, nor a nearer parent that has. (Truncate fires the triggers of all; a new partition has none yet.)
create or replace function event.truncated_tables(truncated regclass) returns oid[]
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select array_agg(p.oid)
  from event.partitions(truncated_tables.truncated) as p (oid)
  where p.oid = truncated_tables.truncated or truncated_tables.truncated = (
    select a.relid
    from pg_partition_ancestors(p.oid) with ordinality as a (relid, distance)
    join pg_trigger as t on t.tgrelid = a.relid and t.tgname = 'rowcast_truncate'
    order by a.distance
    limit 1
  );
$$;

revoke execute on function event.truncated_tables(regclass) from public;
