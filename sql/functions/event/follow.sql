-- What is known of a row after a change, given what was known before: its fields, null if there is no such row, or
-- "unknown". No answer if the change cannot have followed.
create or replace function event.follow(state jsonb, change event.change) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  v_known jsonb := case when state = '"unknown"' then '{}' else state end;
  v_old jsonb := coalesce(change.old::jsonb, '{}');
begin
  if change.op = 'row_insert' then
    return case when jsonb_typeof(state) <> 'object' then change.new::jsonb end;
  elsif v_known = 'null' or v_known || v_old <> v_old || v_known then
    return null; -- the row is not there, or has another value in a field that both know
  end if;
  return case change.op when 'row_delete' then 'null' else v_known || v_old || change.new::jsonb end;
end;
$$;

revoke execute on function event.follow(jsonb, event.change) from public;
