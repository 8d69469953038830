-- Hands the last rows that this transaction has logged for a relation to the connections attached to SQL sessions.
-- Whatever goes wrong with them, the writer goes on.
create or replace function event.notify_captured(relation_id integer, count bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
set plan_cache_mode = force_custom_plan -- for the parts asked for
as $$
declare
  v_parts constant integer[] := event.parts_from(pg_current_xact_id());
begin
  perform event.notify_attached(notify_captured.relation_id, min(l.seq), max(l.seq))
  from (
    select c.seq from event.change as c
    where c.part = any (v_parts) and c.xid = pg_current_xact_id() and c.relation_id = notify_captured.relation_id
    order by c.seq desc limit notify_captured.count
  ) as l;
exception when others then
  raise warning 'Rowcast could not notify the attached SQL sessions: %', sqlerrm;
end;
$$;

revoke execute on function event.notify_captured(integer, bigint) from public;
