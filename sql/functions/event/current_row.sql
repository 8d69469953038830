-- The row with this key as it is now in a tracked relation, null if there is none or it cannot be read.
create or replace function event.current_row(relation_id integer, key text) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_relation regclass := (select r.oid from event.tracked_relation as r where r.id = relation_id);
  v_row json;
begin
  if has_table_privilege(v_relation, 'select') and not row_security_active(v_relation) then
    execute (
      select format('select %s from %s as t where %s', event.row_sql(v_relation, 't'), v_relation,
        -- Cast, so that the index of the primary key serves.
        string_agg(format('t.%I = (%L::json ->> %s)::%s', k.name, key, k.place - 1, format_type(k.type, null)), ' and '))
      from event.key_parts(v_relation, null, null) as k
    ) into v_row;
  end if;
  return v_row;
exception when others then
  return null; -- a key whose JSON is not its text; a writer must not fail by it
end;
$$;

revoke execute on function event.current_row(integer, text) from public;
