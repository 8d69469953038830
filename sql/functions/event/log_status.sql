-- The parts of the change log that are in use, the oldest first. Rows are counted in a small part, and estimated in a
-- large one (null: unknown until it is analyzed).
create or replace function event.log_status() returns table (
  part integer, state text, bytes bigint, rows bigint, oldest timestamptz, newest timestamptz, first_xid xid8, end_xid xid8,
  opened_at timestamptz, closed_at timestamptz
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  for part, state, end_xid, opened_at, closed_at in
    select p.part, case when p.closed_at is null then 'open' when p.over_at is null then 'closing' else 'closed' end,
      p.end_xid, p.opened_at, p.closed_at
    from event.log_part as p
    where p.opened_at is not null
    order by p.end_xid nulls last, p.closed_at
  loop
    bytes := event.log_part_bytes(part);
    execute format('select c.at, c.xid from event.change_%s as c order by c.xid limit 1', part) into oldest, first_xid;
    execute format('select c.at from event.change_%s as c order by c.xid desc limit 1', part) into newest;
    if bytes < 8 * 1024 * 1024 then
      execute format('select count(*) from event.change_%s', part) into rows;
    else
      select case when c.relpages > 0 then c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::float8) end
      into rows
      from pg_catalog.pg_class as c
      where c.oid = format('event.change_%s', part)::regclass;
    end if;
    return next;
  end loop;
end;
$$;

revoke execute on function event.log_status() from public;
