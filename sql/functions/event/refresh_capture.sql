-- Makes the capture functions of tracked relations anew where they are out of date: altered relations are captured as
-- rightly without, only slower. Also forgets relations that have been dropped. Safe beside writers, and for several at once.
create or replace function event.refresh_capture() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_relation record;
  v_command text;
begin
  for v_relation in
    select r.id, r.oid, c.oid is null as is_dropped
    from event.tracked_relation as r
    left join pg_class as c on c.oid = r.oid
    where r.oid is not null and (c.oid is null or r.capture_version is distinct from event.capture_version(r.oid))
    order by r.id
  loop
    begin
      if v_relation.is_dropped then
        perform event.drop_capture(v_relation.oid);
      else
        perform event.make_capture(v_relation.oid);
      end if;
    exception when others then
      raise warning 'Rowcast could not refresh the capture of %: %', v_relation.oid, sqlerrm; -- the others go on
    end;
  end loop;
end;
$$;

grant execute on function event.refresh_capture() to public;
