-- (Re)makes the capture functions of a tracked relation as far as they are not as they should be now.
create or replace function event.make_capture_functions(relation_id integer) returns void
language plpgsql set search_path = ''
as $$
declare
  v_command text;
  v_definition text;
begin
  foreach v_command in array '{insert,update,delete,truncate}'::text[] loop
    v_definition := event.capture_function(make_capture_functions.relation_id, v_command);
    execute v_definition;
    -- Whoever creates the trigger must be allowed to execute it; it does nothing in any other trigger.
    execute format('grant execute on function event.%I() to public', format('capture_%s_%s', make_capture_functions.relation_id, v_command));
  end loop;
end;
$$;

revoke execute on function event.make_capture_functions(integer) from public;
