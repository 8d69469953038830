-- It tells old values, too.
drop function if exists event.changes_between(pg_snapshot, pg_snapshot, integer[], integer, bigint);
