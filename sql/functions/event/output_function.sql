-- The function that writes values of a type which is not built in and which anybody may make: an enumeration, a range or a
-- multirange. Null for any other.
create or replace function event.output_function(type oid) returns text
language sql stable
return (
  select case t.typtype when 'e' then 'enum_out' when 'r' then 'range_out' when 'm' then 'multirange_out' end
  from pg_type as t
  where t.oid = event.base_type(output_function.type) and t.oid >= 16384
);

revoke execute on function event.output_function(oid) from public;
