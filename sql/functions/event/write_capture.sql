-- Writes the capture functions of a relation.
create or replace function event.write_capture(relation regclass, relation_id integer) returns void
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
  v_command text;
begin
  foreach v_command in array '{insert,update,delete,truncate}'::text[] loop
    execute event.capture_function(relation, relation_id, v_command);
    -- Whoever creates the trigger must be allowed to execute it. In any other trigger it does nothing.
    execute format('grant execute on function event.%I() to public', format('capture_%s_%s', relation_id, v_command));
  end loop;
end;
$$;

revoke execute on function event.write_capture(regclass, integer) from public;
