-- Ends the capture of a table and leaves nothing on it. What has been logged stays.
create or replace function event.untrack(relation regclass) returns void
language plpgsql security invoker set search_path = ''
as $$
declare
  v_trigger record;
begin
  if not pg_has_role(current_user, (select c.relowner from pg_class as c where c.oid = untrack.relation), 'usage') then
    raise exception using errcode = 'insufficient_privilege', message = format('must be owner of %s to untrack it', untrack.relation);
  end if;
  for v_trigger in
    select t.tgrelid::regclass as relation, t.tgname
    from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid
    where t.tgrelid in (select untrack.relation union select s.relid from pg_partition_tree(untrack.relation) as s)
      and p.pronamespace = 'event'::regnamespace and not t.tgisinternal
  loop
    execute format('drop trigger %I on %s', v_trigger.tgname, v_trigger.relation);
  end loop;
  perform event.drop_capture(untrack.relation);
end;
$$;
