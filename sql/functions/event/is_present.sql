-- Is there now a row with this key in a tracked relation?
create or replace function event.is_present(relation_id integer, key text) returns boolean
language plpgsql volatile set search_path = ''
as $$
declare
  v_relation regclass := (select r.oid from event.tracked_relation as r where r.id = relation_id);
  v_condition text := (
    select string_agg(format('t.%I = (%L::json ->> %s)::%s', k.name, key, k.place - 1, format_type(k.type, null)), ' and ')
    from event.key_parts(v_relation, null, null) as k
  );
  v_is_present boolean;
begin
  if not has_table_privilege(v_relation, 'select') or row_security_active(v_relation) then
    return false;
  end if;
  execute format('select exists (select from %s as t where %s)', v_relation, v_condition) into v_is_present;
  return v_is_present;
exception when others then
  return false; -- a type whose JSON is not its text; a writer must not fail by it
end;
$$;

revoke execute on function event.is_present(integer, text) from public;
