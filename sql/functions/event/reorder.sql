-- Of the changes that this transaction has logged for a relation, a statement's own (from first_own on) and those logged
-- inside it (from first_inside on): puts the latter after the former where both concern the same row.
--
-- Except what came before the statement inserted the row: then a row with its key had first to be deleted.
create or replace function event.reorder(relation_id integer, first_inside bigint, first_own bigint) returns void
language plpgsql set search_path = ''
as $$
declare
  v_key text;
  v_inserted json;
  v_inside event.change[];
  v_before integer;
  v_seqs bigint[] := '{}';
begin
  for v_key, v_inserted, v_inside in
    select own.key, own.inserted, inside.changes
    from (
      select c.key, (array_agg(c.new) filter (where c.op = 'row_insert'))[1] as inserted
      from event.change as c
      where c.xid = pg_current_xact_id() and c.relation_id = reorder.relation_id and c.seq >= first_own
      group by c.key
    ) as own
    join (
      select c.key, array_agg(c order by c.seq) as changes
      from event.change as c
      where c.xid = pg_current_xact_id() and c.relation_id = reorder.relation_id and c.seq >= first_inside and c.seq < first_own
      group by c.key
    ) as inside on inside.key = own.key
  loop
    v_before := case when v_inserted is null then 0 else event.count_before_insert(relation_id, v_key, v_inserted, v_inside) end;
    v_seqs := v_seqs || array(select c.seq from unnest(v_inside) with ordinality as c where c.ordinality > v_before);
  end loop;

  with moved as (
    delete from event.change as c where c.xid = pg_current_xact_id() and c.seq = any (v_seqs) returning c.*
  )
  insert into event.change (xid, at, actor, op, relation_id, key, new, old)
  select m.xid, m.at, m.actor, m.op, m.relation_id, m.key, m.new, m.old from moved as m order by m.seq;
end;
$$;

revoke execute on function event.reorder(integer, bigint, bigint) from public;
