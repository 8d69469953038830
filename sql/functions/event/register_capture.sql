-- Notes that a relation is tracked, under the number that its capture functions bear, or that it has been tracked again.
-- The triggers prove that the relation's owner wants it, and say which columns he wants to be left out: anyone may call this.
create or replace function event.register_capture(relation regclass, relation_id integer, is_granted boolean) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_excepted text[];
  v_count integer;
  v_count_added integer;
begin
  select array_remove(string_to_array(replace(encode(t.tgargs, 'escape'), '\\', '\134'), '\000'), '') into v_excepted
  from pg_trigger as t
  where t.tgrelid = relation and t.tgname = 'rowcast_truncate'
    and t.tgfoid = to_regproc(format('event.capture_%s_truncate', relation_id));
  if not found then
    raise exception using errcode = 'RC004', message = format('%s is not tracked', relation), hint = 'Call event.track().';
  end if;

  insert into event.tracked_relation as r (id, oid, schema_name, relation_name, key_columns, capture_version, is_granted)
  overriding system value
  select relation_id, c.oid, n.nspname, c.relname, event.key_columns(c.oid), event.capture_version(c.oid), register_capture.is_granted
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where c.oid = relation
  on conflict on constraint tracked_relation_oid_key do update
    set schema_name = excluded.schema_name, relation_name = excluded.relation_name, key_columns = excluded.key_columns,
      is_granted = r.is_granted or excluded.is_granted;

  delete from event.excepted_column as e
  where e.relation_id = register_capture.relation_id and e.asked <> all (v_excepted);
  get diagnostics v_count = row_count;
  insert into event.excepted_column (relation_id, asked, number, table_oid, name)
  select register_capture.relation_id, x.asked, a.attnum, a.attrelid, a.attname
  from unnest(v_excepted) as x (asked)
  join pg_attribute as a on a.attrelid = relation and a.attnum = split_part(x.asked, ' ', 1)::smallint
  on conflict on constraint excepted_column_pkey do nothing;
  get diagnostics v_count_added = row_count;
  if v_count + v_count_added > 0 then
    perform event.make_capture(relation);
  end if;
end;
$$;

grant execute on function event.register_capture(regclass, integer, boolean) to public;
