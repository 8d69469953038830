-- SQL that says whether a row before (o) and a row after (n) an update have the same key, to be used in a full join, and
-- SQL that says which of the two is missing in its result.
create or replace function event.key_join(relation regclass, out condition text, out no_old text, out no_new text)
language sql stable set search_path = ''
as $$
  select
    string_agg(
      case when i.is_identity then format('o.%1$I = n.%1$I', a.attname)
        else format('%s = %s', event.key_part(a.atttypid, format('o.%I', a.attname)),
          event.key_part(a.atttypid, format('n.%I', a.attname)))
      end, ' and ' order by k.place),
    format('o.%I is null', (array_agg(a.attname order by k.place))[1]),
    format('n.%I is null', (array_agg(a.attname order by k.place))[1])
  from unnest(event.key_columns(key_join.relation)) with ordinality as k (name, place)
  join pg_attribute as a on a.attrelid = key_join.relation and a.attname = k.name and not a.attisdropped
  cross join lateral (select event.is_identity_type(a.atttypid, event.is_bytewise(a.attcollation))) as i (is_identity);
$$;

revoke execute on function event.key_join(regclass) from public;
