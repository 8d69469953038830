-- Below this transaction id the log may have been pruned. It moves before rows go, and every snapshot sees it at once: who
-- asks after having read has read all, if he began at or after it.
create or replace function event.log_horizon() returns xid8
language sql volatile
return pg_sequence_last_value('event.log_horizon_seq'::regclass)::text::xid8;

revoke execute on function event.log_horizon() from public;
