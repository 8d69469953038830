-- The type that a domain (over a domain, …) comes down to; any other type as it is.
create or replace function event.base_type(type oid) returns oid
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_type oid := base_type.type;
  v_base oid;
begin
  loop
    select t.typbasetype into v_base from pg_type as t where t.oid = v_type and t.typtype = 'd';
    exit when not found;
    v_type := v_base;
  end loop;
  return v_type;
end;
$$;

revoke execute on function event.base_type(oid) from public;
