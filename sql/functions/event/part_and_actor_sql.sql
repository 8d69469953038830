-- The part of the log that a statement writes to, and who makes the change, as two values of a select list: each is asked for
-- once for the statement, however many rows it has. The part is asked for as in event.part_of(): after the id was assigned.
create or replace function event.part_and_actor_sql() returns text
language sql immutable
return $sql$(select (pg_current_xact_id() is null)::integer + (pg_sequence_last_value('event.log_part_seq'::regclass) & 7)::integer), (select event.actor())$sql$;

revoke execute on function event.part_and_actor_sql() from public;
