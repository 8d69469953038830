-- What is known of a row after these changes, in this order. No answer if they cannot have happened so.
create or replace function event.follow_all(changes event.change[]) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  v_state jsonb := '"unknown"';
  v_change event.change;
begin
  foreach v_change in array changes loop
    v_state := event.follow(v_state, v_change);
    exit when v_state is null;
  end loop;
  return v_state;
end;
$$;

revoke execute on function event.follow_all(event.change[]) from public;
