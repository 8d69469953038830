-- The snapshot in which everything before xmax is visible but for these transactions.
create or replace function event.make_snapshot(xmax xid8, but_for xid8[]) returns pg_snapshot
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select format('%s:%s:%s', coalesce((array_agg(x.xid order by x.xid))[1], xmax), xmax, string_agg(x.xid::text, ',' order by x.xid))::pg_snapshot
  from (select distinct u.xid from unnest(but_for) as u (xid) where u.xid < xmax) as x
$$;

revoke execute on function event.make_snapshot(xid8, xid8[]) from public;
