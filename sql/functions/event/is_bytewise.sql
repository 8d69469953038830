-- Does this collation tell apart all texts whose bytes differ?
create or replace function event.is_bytewise("collation" oid) returns boolean
language sql stable
return coalesce((select c.collisdeterministic from pg_collation as c where c.oid = is_bytewise."collation"), true);

revoke execute on function event.is_bytewise(oid) from public;
