-- Sends writers to a part of the change log, and closes those that they wrote to before. Gives the id from which on
-- transactions write there.
--
-- Nobody waits. Writers take their id first, and ask where to write after (event.part_of). So whoever asked before the answer
-- changed has an id below the fence drawn after it; and if that is not above the id said, none from this one on has written to a
-- part before. If it is above, because many began just now, a higher one is said. Saying a higher one is always right: rows
-- may be in a later part than need be, never in an earlier one.
--
-- What is said holds at once, though this transaction may fail: event.tend_log_at() then finds it out, and does this again.
create or replace function event.open_part(part integer, at timestamptz) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_ahead bigint := 2;
  v_xid bigint;
begin
  loop
    v_xid := event.fence_xid() + v_ahead;
    perform setval('event.log_part_seq', v_xid * 16 + 8 + part);
    exit when event.fence_xid() <= v_xid;
    v_ahead := v_ahead * 2;
  end loop;
  perform setval('event.log_part_seq', v_xid * 16 + part);

  update event.log_part as p
  set opened_at = coalesce(p.opened_at, at), closed_at = at, end_xid = v_xid::text::xid8
  where p.part <> open_part.part and p.closed_at is null
    and (p.opened_at is not null or pg_relation_size(format('event.change_%s', p.part)::regclass) > 0);
  update event.log_part as p
  set opened_at = at, closed_at = null, end_xid = null, over_at = null
  where p.part = open_part.part and (p.opened_at is null or p.closed_at is not null);
  return v_xid;
end;
$$;

revoke execute on function event.open_part(integer, timestamptz) from public;
