-- Where the primary key is deferrable, two rows may bear one key for a while; the log then tells of both as of one row. So
-- when one of them has gone, logs the other again. Of the last "count" changes; tells how many it has added.
create or replace function event.log_survivors(relation_id integer, count bigint) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_custom_plan -- for the parts asked for
as $$
declare
  v_count bigint;
  v_parts constant integer[] := event.parts_from(pg_current_xact_id());
begin
  insert into event.change (actor, relation_id, op, key, new)
  select event.actor(), log_survivors.relation_id, 'row_insert', s.key, s.row
  from (
    select l.key, event.current_row(log_survivors.relation_id, l.key) as row
    from (
      select c.key, c.op from event.change as c
      where c.part = any (v_parts) and c.xid = pg_current_xact_id() and c.relation_id = log_survivors.relation_id
      order by c.seq desc limit log_survivors.count
    ) as l
    group by l.key
    having bool_or(l.op = 'row_delete') and not bool_or(l.op = 'row_insert')
  ) as s
  where s.row is not null;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function event.log_survivors(integer, bigint) from public;
