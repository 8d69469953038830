-- Ends the capture of a table and leaves nothing of it there. What has been logged stays.
create or replace function event.untrack(relation regclass) returns void
language plpgsql security invoker set search_path = pg_catalog, pg_temp
as $$
declare
  v_table regclass;
  v_trigger name;
begin
  if not exists (select from pg_class as c where c.oid = relation and pg_has_role(c.relowner, 'usage')) then
    raise exception using errcode = 'insufficient_privilege', message = format('must be owner of %s to untrack it', relation);
  end if;
  for v_table, v_trigger in
    select t.tgrelid, t.tgname
    from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid
    where t.tgrelid in (select event.partitions(relation)) and t.tgname like 'rowcast\_%'
      and p.pronamespace = 'event'::regnamespace and not t.tgisinternal
  loop
    execute format('drop trigger %I on %s', v_trigger, v_table);
  end loop;

  if event.drop_capture(relation) then
    for v_table in select event.partitions(relation) loop
      execute format('revoke select on %s from %I', v_table, event.keeper());
    end loop;
  end if;
end;
$$;

grant execute on function event.untrack(regclass) to public;
