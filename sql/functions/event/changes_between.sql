-- Everything that committed between two snapshots, and nothing else, as far as it changed these relations, in the
-- order of the log. Sequence numbers are taken before commit, so "greater than the last one" would skip what commits late.
--
-- Asked many times a second for the end of a log that may be long, so the index must serve it whatever the statistics
-- say: hence no sequential scan, no workers started for a handful of rows, and the selection made before the order.
create or replace function event.changes_between(after pg_snapshot, until pg_snapshot, relation_ids integer[])
returns table (xid text, at text, op event.operation, relation_id integer, key text, new text)
language plpgsql stable security definer rows 100
set search_path = '' set timezone = 'UTC' set enable_seqscan = off set max_parallel_workers_per_gather = 0
as $$
#variable_conflict use_column
begin
  return query
  with change as materialized (
    select c.*
    from event.change as c
    where (c.xid >= pg_snapshot_xmax(changes_between.after) or c.xid = any (array(select pg_snapshot_xip(changes_between.after))))
      and pg_visible_in_snapshot(c.xid, changes_between.until)
      and c.relation_id = any (changes_between.relation_ids)
  )
  select c.xid::text, to_json(c.at)#>>'{}', c.op, c.relation_id, c.key, c.new::text
  from change as c
  order by c.seq;
end;
$$;

revoke execute on function event.changes_between(pg_snapshot, pg_snapshot, integer[]) from public;
