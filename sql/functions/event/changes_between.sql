-- event.changes_between(): everything that committed between two snapshots, and nothing else, as far as it changed these
-- relations: whole transactions, in the order of their last changes. Sequence numbers are taken before commit, so "greater
-- than the last one" would skip what commits late.
--
-- With limits, and more than max_rows changes or max_bytes of their new values: one row instead, of which only relation_id
-- is not null. It names the relation with the most, as far as was looked, to be left out of the next question.
--
-- Old values are told of the relations in "with_old" only: a deleted row, and the fields that have changed.
--
-- Raises RC009 if some of it may have been pruned.
--
-- Asked many times a second for the end of a log that may be long, so the index must serve it whatever the statistics
-- say: hence no sequential scan, no bitmap of a million rows for the first ten thousand, no workers started for a handful. Nearly
-- always all is in one part of the log. For that there is a static statement for each part, planned once in a connection,
-- which does not as much as lock the others; it is the same for all of them, so it is generated here.
do $do$
declare
  -- Parameters as in the function; $7 are the parts.
  v_sql constant text := $sql$
    with change as materialized (
      select * from (
        select c.* from %1$s
          and c.xid >= pg_snapshot_xmax($1) and c.xid < pg_snapshot_xmax($2)
          and pg_visible_in_snapshot(c.xid, $2) and c.relation_id = any ($3)
          and c.seq >= (select pg_sequence_last_value('event.log_start_seq'::regclass))
        union all
        select c.* from %1$s
          -- What runs still is not as much as looked at: it may have written a million rows, which all would pass by.
          and c.xid = any (array(select x from pg_snapshot_xip($1) as x where pg_visible_in_snapshot(x, $2)))
          and c.relation_id = any ($3)
          and c.seq >= (select pg_sequence_last_value('event.log_start_seq'::regclass))
      ) as c
      limit $4 + 1
    ),
    excess as materialized (
      select c.relation_id
      from change as c
      where ($4 is not null or $5 is not null) and (
        (select count(*) from change) > $4
        or (select sum(pg_column_size(x.new)) from change as x) > $5
        -- What is stored compressed takes its full size once it is read; that costs, so it is asked last.
        or (select sum(octet_length(x.new::text)) from change as x where pg_column_compression(x.new) is not null) > $5
      )
      group by c.relation_id
      order by greatest(count(*)::float8 / nullif($4, 0), sum(
        case when pg_column_compression(c.new) is null then pg_column_size(c.new) else octet_length(c.new::text) end
      )::float8 / nullif($5, 0)) desc, c.relation_id
      limit 1
    )
    (
      select c.xid::text, to_json(c.at)#>>'{}', c.op, c.relation_id, c.key, c.new::text,
        case when c.relation_id = any ($6) then c.old::text end
      from (select c.*, max(c.seq) over (partition by c.xid) as last_seq from change as c) as c
      where not exists (select from excess)
      order by c.last_seq, c.seq
    )
    union all
    select null, null, null, e.relation_id, null, null, null from excess as e
  $sql$;
begin
  execute format(
    $function$
create or replace function event.changes_between(
  after pg_snapshot, until pg_snapshot, relation_ids integer[], max_rows integer default null, max_bytes bigint default null,
  with_old integer[] default '{}'
) returns table (xid text, at text, op event.operation, relation_id integer, key text, new text, old text)
language plpgsql stable security definer rows 100
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set plan_cache_mode = force_generic_plan
set enable_seqscan = off set enable_bitmapscan = off set max_parallel_workers_per_gather = 0
as $body$
#variable_conflict use_column
declare
  v_parts constant integer[] := event.parts_from(pg_snapshot_xmin(after));
begin
  case when cardinality(v_parts) > 1 then
    return query execute %L using after, until, relation_ids, max_rows, max_bytes, with_old, v_parts;
%s
  end case;
  perform event.require_kept(after);
end;
$body$
    $function$,
    format(v_sql, 'event.change as c where c.part = any ($7)'),
    (
      select string_agg(format('  when %s = any (v_parts) then return query %s;', p.part,
        format(v_sql, format('event.change_%s as c where true', p.part))), e'\n' order by p.part)
      from generate_series(0, 7) as p (part)
    ));
end;
$do$;

revoke execute on function event.changes_between(pg_snapshot, pg_snapshot, integer[], integer, bigint, integer[]) from public;
