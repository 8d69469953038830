-- The columns of a relation that are left out for everyone: those that event.track() was told. If one of them is lost,
-- because it was renamed and then the table dumped and restored, all but the key: it may be any.
create or replace function event.excepted_columns(relation regclass) returns text[]
language sql stable security definer set search_path = ''
as $$
  select case
    when bool_or(e.name is null) then array(
      select a.attname::text
      from pg_attribute as a
      where a.attrelid = excepted_columns.relation and a.attnum > 0 and not a.attisdropped
        and a.attname <> all (event.key_columns(excepted_columns.relation))
    )
    else coalesce(array_agg(e.name order by e.name), '{}')
  end
  from event.find_excepted(excepted_columns.relation) as e;
$$;

grant execute on function event.excepted_columns(regclass) to public;
