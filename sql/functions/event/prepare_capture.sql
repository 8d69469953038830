-- Makes the capture functions of a relation, or remakes those that are not as they should be. Anyone may call it, for any
-- relation: only a trigger makes use of them, and only the relation's owner can create that (event.track()).
create or replace function event.prepare_capture(relation regclass) returns integer
language plpgsql security definer set search_path = ''
as $$
declare
  v_id integer;
begin
  insert into event.tracked_relation (oid, schema_name, relation_name, key_columns)
  select c.oid, n.nspname, c.relname, event.key_columns(c.oid)
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where c.oid = prepare_capture.relation
  on conflict on constraint tracked_relation_oid_key do update
    set schema_name = excluded.schema_name, relation_name = excluded.relation_name, key_columns = excluded.key_columns
  returning id into v_id;
  perform event.make_capture_functions(v_id);
  return v_id;
end;
$$;
