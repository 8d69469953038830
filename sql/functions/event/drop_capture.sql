-- Removes the capture functions of a relation that has no capture triggers any more.
create or replace function event.drop_capture(relation regclass) returns void
language plpgsql security definer set search_path = ''
as $$
declare
  v_id integer;
  v_command text;
begin
  delete from event.tracked_relation as r where r.oid = drop_capture.relation returning r.id into v_id;
  if not found then
    raise exception using errcode = 'RC004', message = format('%s is not tracked', drop_capture.relation);
  end if;
  foreach v_command in array '{insert,update,delete,truncate}'::text[] loop
    execute format('drop function if exists event.%I()', format('capture_%s_%s', v_id, v_command));
  end loop;
end;
$$;
