-- Sets what the text of a relation's values depends on, and returns the settings as they were (name, value, name, …) for
-- event.restore_settings(). For a capture function that was made when the relation had other types.
create or replace function event.pin_settings(relation_id integer) returns text[]
language plpgsql volatile
as $$
declare
  v_setting record;
  v_before text[] := '{}';
begin
  for v_setting in
    select s.name, s.value
    from event.tracked_relation as r cross join lateral event.capture_settings(r.oid) as s
    where r.id = pin_settings.relation_id
  loop
    v_before := v_before || array[v_setting.name, current_setting(v_setting.name)];
    perform set_config(v_setting.name, v_setting.value, true);
  end loop;
  return v_before;
end;
$$;

revoke execute on function event.pin_settings(integer) from public;
