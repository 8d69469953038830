-- Of the changes that this transaction has logged for a relation, a statement's own (from first_own on) and those of
-- statements inside it (from first_inside on): where both concern the same row, puts them in the order in which they
-- happened, by giving new numbers to those that are out of place.
create or replace function event.reorder(relation_id integer, first_inside bigint, first_own bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_custom_plan -- for the parts asked for
as $$
declare
  v_own event.change[];
  v_inside event.change[];
  v_moved bigint[] := '{}';
  v_parts constant integer[] := event.parts_from(pg_current_xact_id());
begin
  for v_own, v_inside in
    select own.changes, inside.changes
    from (
      select c.key, array_agg(c order by c.seq) as changes
      from event.change as c
      where c.part = any (v_parts) and c.xid = pg_current_xact_id() and c.relation_id = reorder.relation_id and c.seq >= first_own
      group by c.key
    ) as own
    join (
      select c.key, array_agg(c order by c.seq) as changes
      from event.change as c
      where c.part = any (v_parts) and c.xid = pg_current_xact_id() and c.relation_id = reorder.relation_id and c.seq >= first_inside and c.seq < first_own
      group by c.key
    ) as inside on inside.key = own.key
  loop
    -- From the first that should come after what has a higher number.
    v_moved := v_moved || array(
      select o.seq
      from (
        select s.seq, s.place, bool_or(s.is_misplaced) over (order by s.place) as is_moved
        from (
          select u.seq, u.place, u.seq < max(u.seq) over (order by u.place) as is_misplaced
          from unnest(event.order_of_changes(v_own, v_inside)) with ordinality as u (seq, place)
        ) as s
      ) as o
      where o.is_moved
      order by o.place
    );
  end loop;

  with moved as (
    delete from event.change as c
    where c.part = any (v_parts) and c.xid = pg_current_xact_id() and c.relation_id = reorder.relation_id and c.seq = any (v_moved)
    returning c.*
  )
  insert into event.change (xid, at, actor, op, relation_id, key, new, old)
  select m.xid, m.at, m.actor, m.op, m.relation_id, m.key, m.new, m.old
  from unnest(v_moved) with ordinality as o (seq, place) join moved as m on m.seq = o.seq
  order by o.place;
end;
$$;

revoke execute on function event.reorder(integer, bigint, bigint) from public;
