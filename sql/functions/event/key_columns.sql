-- The columns that name a row, in order: the primary key's. Where it has been dropped, those that the relation was
-- tracked with, as long as they exist. Null if there are none.
create or replace function event.key_columns(relation regclass) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select array_agg(a.attname::text order by k.place)
      from pg_index as i
      cross join unnest(i.indkey) with ordinality as k (attnum, place)
      join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
      where i.indrelid = key_columns.relation and i.indisprimary and k.place <= i.indnkeyatts
    ),
    (
      select r.key_columns
      from event.tracked_relation as r
      where r.oid = key_columns.relation
        and r.key_columns <@ array(
          select a.attname::text from pg_attribute as a where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
        )
    )
  );
$$;

grant execute on function event.key_columns(regclass) to public;
