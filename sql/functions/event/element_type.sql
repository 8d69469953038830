-- The element type of an array type, null for any other.
create or replace function event.element_type(type oid) returns oid
language sql stable
return (
  select t.typelem from pg_type as t
  where t.oid = event.base_type(element_type.type) and t.typelem <> 0 and t.typsubscript = 'array_subscript_handler'::regproc
);

revoke execute on function event.element_type(oid) from public;
