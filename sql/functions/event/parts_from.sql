-- The parts of the change log that may hold rows of transactions from this id on, as far as a snapshot that exists shows them.
--
-- Mostly the one that is written to, which takes no table to find out. A row of event.log_part that an older snapshot shows is as
-- good as the newest: what was written since a part was used again, that snapshot does not show either.
create or replace function event.parts_from(xid xid8) returns integer[]
language plpgsql volatile
as $$
declare
  v_place constant bigint := pg_sequence_last_value('event.log_part_seq'::regclass);
begin
  if xid >= (v_place >> 4)::text::xid8 and v_place & 8 = 0 then
    return array[v_place & 7];
  end if;
  return array(select p.part from event.log_part as p where p.end_xid is null or p.end_xid > parts_from.xid);
end;
$$;

revoke execute on function event.parts_from(xid8) from public;
