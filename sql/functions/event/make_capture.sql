-- Makes the capture functions of a relation, or makes them anew if they are out of date, and gives the number that they
-- bear. Anyone may call it, for any relation: nothing is captured until the relation's owner creates the triggers
-- (event.track()), and the relation counts as tracked only then (event.register_capture()).
create or replace function event.make_capture(relation regclass) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id integer;
  v_version text;
begin
  -- One at a time for each relation: PostgreSQL lets nobody replace a function that somebody else is just replacing.
  perform pg_advisory_xact_lock(hashtextextended('rowcast capture', relation::oid::bigint));
  v_version := event.capture_version(relation);
  select r.id into v_id from event.tracked_relation as r where r.oid = relation and r.capture_version = v_version;
  if found then
    return v_id;
  end if;

  select r.id into v_id from event.tracked_relation as r where r.oid = relation;
  if not found then
    v_id := nextval(pg_get_serial_sequence('event.tracked_relation', 'id'));
  end if;
  perform event.write_capture(relation, v_id);
  update event.tracked_relation as r
  set capture_version = v_version, key_columns = coalesce(event.key_columns(relation), r.key_columns)
  where r.id = v_id;
  update event.excepted_column as e
  set number = n.number, table_oid = make_capture.relation, name = n.name
  from event.find_excepted(relation) as n
  where e.relation_id = n.relation_id and e.asked = n.asked and n.name is not null;
  return v_id;
end;
$$;

grant execute on function event.make_capture(regclass) to public;
