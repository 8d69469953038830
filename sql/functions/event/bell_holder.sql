-- The session that holds the bell exclusively, and since when PostgreSQL has heard nothing of it (null when this role may
-- not see that). All null when nobody does.
create or replace function event.bell_holder(out holder integer, out silent_since text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select l.pid, a.state_change::text
  from pg_locks as l left join pg_stat_activity as a on a.pid = l.pid
  where l.locktype = 'advisory' and l.mode = 'ExclusiveLock' and l.granted and l.objsubid = 1
    and l.database = (select d.oid from pg_database as d where d.datname = current_database())
    and (l.classid::bigint << 32) + l.objid::bigint = event.bell_key();
$$;

revoke execute on function event.bell_holder() from public;
