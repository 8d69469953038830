-- Closes a statement during which others were open on the same relation, having logged its "count" changes. A statement is
-- captured when it ends, so those inside it are in the log already, though what they did to a row came after
-- what the statement itself did to it. These changes are put after its own.
create or replace function event.settle(relation_id integer, count bigint, open_setting text) returns void
language plpgsql set search_path = ''
as $$
declare
  v_open bigint[] := coalesce(nullif(current_setting(open_setting, true), ''), '{}')::bigint[];
  v_first_inside bigint := v_open[cardinality(v_open)];
  v_first bigint;
  v_outer bigint[] := trim_array(v_open, least(cardinality(v_open), 1));
begin
  if count > 0 then
    select min(c.seq) into v_first
    from (
      select c.seq from event.change as c
      where c.xid = pg_current_xact_id() and c.relation_id = settle.relation_id
      order by c.seq desc limit count
    ) as c;
    if v_first_inside is not null then
      perform event.reorder(relation_id, v_first_inside, v_first);
    end if;
    v_outer := array(select coalesce(o.first, v_first) from unnest(v_outer) with ordinality as o (first, place) order by o.place);
  end if;
  perform set_config(open_setting, case when v_outer = '{}' then '' else v_outer::text end, true);

  -- The outermost statement announces all that happened inside it, in its final order.
  if v_outer = '{}' and exists (select from event.attachment) then
    perform event.notify_captured(relation_id, (
      select count(*) from event.change as c
      where c.xid = pg_current_xact_id() and c.relation_id = settle.relation_id and c.seq >= least(v_first_inside, v_first)
    ));
  end if;
end;
$$;

revoke execute on function event.settle(integer, bigint, text) from public;
