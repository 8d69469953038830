-- The part of the change log to which a transaction writes just now. Its id is assigned before that is asked, because it is asked
-- for here: event.open_part() relies on it.
create or replace function event.part_of(xid xid8) returns integer
language plpgsql volatile
as $$
begin
  return pg_sequence_last_value('event.log_part_seq'::regclass) & 7;
end;
$$;

revoke execute on function event.part_of(xid8) from public;
