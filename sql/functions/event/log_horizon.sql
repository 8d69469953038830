-- From here on the log is whole: a position whose xmin is lower may miss what has been pruned. Nothing is pruned yet.
create or replace function event.log_horizon() returns xid8
language sql stable set search_path = ''
as $$ select '3'::xid8 $$;

revoke execute on function event.log_horizon() from public;
