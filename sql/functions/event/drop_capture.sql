-- Removes the capture functions of a relation, which must have no capture triggers any more. Tells whether event.track()
-- has granted anything on it.
create or replace function event.drop_capture(relation regclass) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_relation event.tracked_relation;
  v_command text;
begin
  update event.tracked_relation as r set oid = null, is_granted = false
  from event.tracked_relation as before
  where r.oid = relation and before.id = r.id
  returning before.* into v_relation;
  if not found then
    raise exception using errcode = 'RC004', message = format('%s is not tracked', relation);
  end if;
  delete from event.excepted_column as e where e.relation_id = v_relation.id;
  foreach v_command in array '{insert,update,delete,truncate}'::text[] loop
    -- Fails if a trigger still uses it: only who may drop the trigger can untrack.
    execute format('drop function if exists event.%I()', format('capture_%s_%s', v_relation.id, v_command));
  end loop;
  return v_relation.is_granted;
end;
$$;

grant execute on function event.drop_capture(regclass) to public;
