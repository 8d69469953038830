-- What a part of the change log takes on disk, with its index.
create or replace function event.log_part_bytes(part integer) returns bigint
language sql volatile
return pg_total_relation_size(format('event.change_%s', part)::regclass);

revoke execute on function event.log_part_bytes(integer) from public;
