-- The columns of a relation's key, in order, in a transition table whose columns may not be those of the catalogue (see
-- event.relation_columns): then one that is missing is taken for renamed, if there are still as many. Not those that are left
-- out for everyone: what such a column names has no name.
create or replace function event.key_parts(relation regclass, names text[], types oid[])
returns table (place bigint, name text, type oid, is_nullable boolean, is_identity boolean)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select k.place, c.name, c.type, c.is_nullable, event.is_identity_type(c.type, c.is_bytewise)
  from unnest(event.key_columns(key_parts.relation)) with ordinality as k (name, place)
  cross join lateral (
    select o.name, row_number() over (order by o.place) as nth, count(*) over () as count
    from event.relation_columns(key_parts.relation) as o
  ) as o
  join event.relation_columns(key_parts.relation, key_parts.names, key_parts.types) as c
    on case
      when key_parts.names is null or k.name = any (key_parts.names) then c.name = k.name
      else cardinality(key_parts.names) = o.count and c.place = o.nth
    end
  where o.name = k.name and not c.is_excepted;
$$;

revoke execute on function event.key_parts(regclass, text[], oid[]) from public;
