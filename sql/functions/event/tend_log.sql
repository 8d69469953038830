-- Does what event.retain() asks for, if it is due: opens the next part of the change log for writing, empties the oldest.
-- Says what it did. A server calls it every minute; so may a cron job, or anybody.
--
-- Nobody waits for it: it gives up on what is in use, and if another is at it. It holds what it has emptied until its transaction
-- ends, so it is best called by itself.
create or replace function event.tend_log() returns table (did text, part integer, bytes bigint, reason text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select * from event.tend_log_at(clock_timestamp()) $$;

grant execute on function event.tend_log() to public;
