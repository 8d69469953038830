-- Closes a statement during which others were open on the same relation, having logged its "count" changes. A statement is
-- captured when it ends, so those inside it are in the log already, though what they did to a row came mostly after
-- what the statement itself did to it: puts that in order. See event.open_statement().
create or replace function event.settle(relation_id integer, command text, count bigint, open_setting text) returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_custom_plan -- for the parts asked for
as $$
declare
  v_open text[] := string_to_array(coalesce(current_setting(open_setting, true), ''), ' ');
  -- The innermost of this command.
  v_place integer := (
    select max(o.place) from unnest(v_open) with ordinality as o (entry, place) where left(o.entry, 1) = upper(left(command, 1))
  );
  v_first_inside bigint := nullif(substr(v_open[v_place], 2), '')::bigint;
  v_first bigint;
  v_parts constant integer[] := event.parts_from(pg_current_xact_id());
begin
  if count > 0 then
    select min(c.seq) into v_first
    from (
      select c.seq from event.change as c
      where c.part = any (v_parts) and c.xid = pg_current_xact_id() and c.relation_id = settle.relation_id
      order by c.seq desc limit count
    ) as c;
    if v_first_inside is not null then
      perform event.reorder(relation_id, v_first_inside, v_first);
    end if;
  end if;

  v_open := array(
    select case when length(o.entry) = 1 and v_first is not null then o.entry || v_first else o.entry end
    from unnest(v_open) with ordinality as o (entry, place)
    where o.place is distinct from v_place
    order by o.place
  );
  perform set_config(open_setting, array_to_string(v_open, ' '), true);

  -- The last to be closed announces all that happened since the first was opened, in its final order.
  if v_open = '{}' and exists (select from event.attachment) then
    perform event.notify_captured(relation_id, (
      select count(*) from event.change as c
      where c.part = any (v_parts) and c.xid = pg_current_xact_id() and c.relation_id = settle.relation_id and c.seq >= least(v_first_inside, v_first)
    ));
  end if;
end;
$$;

revoke execute on function event.settle(integer, text, bigint, text) from public;
