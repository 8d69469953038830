-- The part of the change log to which a transaction writes just now: the one that is open for it, or the one before that in the ring
-- if the transaction is older than that. It is asked after its id was assigned: event.open_part() relies on it.
create or replace function event.part_of(xid xid8) returns integer
language plpgsql volatile
as $$
declare
  v_place constant bigint := pg_sequence_last_value('event.log_part_seq'::regclass);
begin
  return case when xid >= (v_place >> 4)::text::xid8 then v_place & 7 else (v_place + 7) & 7 end;
end;
$$;

revoke execute on function event.part_of(xid8) from public;
