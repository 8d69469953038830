-- A transaction id higher than all that have been given out so far. (No snapshot tells: its xmax is that of those that ended.)
create or replace function event.fence_xid() returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_top constant bigint := pg_current_xact_id()::text::bigint;
  v_low bigint;
begin
  -- A transaction in the transaction, whose id is one like all others; of it, a row shows the lower half.
  begin
    update event.log_part as p set part = p.part where p.part = 0 returning p.xmin::text::bigint into strict v_low;
  exception when no_data_found then
    raise exception 'event.log_part has lost its rows';
  end;
  return v_top + ((v_low - v_top) & 4294967295);
end;
$$;

revoke execute on function event.fence_xid() from public;
