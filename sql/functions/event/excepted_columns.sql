-- The columns of a relation that are left out for everyone: those that event.track() was told. If one of them is lost,
-- because it was renamed and then the table dumped and restored, all but the key: it may be any.
create or replace function event.excepted_columns(relation regclass) returns text[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_names text[];
begin
  if not exists (select from event.excepted_column) then
    return '{}'; -- as nearly always, and soon said
  end if;
  select array_agg(e.name order by e.name) into v_names from event.find_excepted(relation) as e;
  if array_position(v_names, null) is not null then
    return array(
      select a.attname::text
      from pg_attribute as a
      where a.attrelid = excepted_columns.relation and a.attnum > 0 and not a.attisdropped
        and a.attname <> all (event.key_columns(relation))
    );
  end if;
  return coalesce(v_names, '{}');
end;
$$;

grant execute on function event.excepted_columns(regclass) to public;
