-- A value as the change log encodes it in a key, whatever the session's settings: what JavaScript's
-- number cannot hold becomes a string.
create or replace function meta.encode_value(value anyelement) returns jsonb
language plpgsql immutable parallel safe
set timezone = 'UTC' set datestyle = 'ISO' set intervalstyle = 'iso_8601' set bytea_output = 'hex' set extra_float_digits = 1
as $$
declare
  v_type oid := pg_typeof(value);
begin
  while (select t.typtype = 'd' from pg_catalog.pg_type as t where t.oid = v_type) loop
    v_type := (select t.typbasetype from pg_catalog.pg_type as t where t.oid = v_type);
  end loop;
  if v_type in ('bigint'::regtype, 'numeric'::regtype, 'money'::regtype, 'json'::regtype, 'jsonb'::regtype) then
    return to_jsonb(value::text);
  end if;
  return to_jsonb(value);
end;
$$;
