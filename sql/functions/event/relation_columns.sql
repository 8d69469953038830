-- The columns of a relation, as its capture needs to know them. As the catalogue shows them; or, where the names and
-- types of a transition table are given, those: a transaction may have read the catalogue before the relation was altered.
create or replace function event.relation_columns(relation regclass, names text[] default null, types oid[] default null)
returns table (
  place bigint,
  name text,
  type oid,
  -- Does its collation, if it has one, tell apart all texts whose bytes differ?
  is_bytewise boolean,
  is_nullable boolean,
  -- What a virtual generated column is computed from: it is not in transition tables.
  computed_from text,
  -- Is it left out for everyone (event.excepted_columns)?
  is_excepted boolean
)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce(g.place, a.attnum), coalesce(g.name, a.attname), coalesce(g.type, a.atttypid),
    coalesce((select c.collisdeterministic from pg_collation as c where c.oid = a.attcollation), true),
    not coalesce(a.attnotnull, false),
    case when a.attgenerated = 'v' then
      (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef as d where d.adrelid = a.attrelid and d.adnum = a.attnum)
    end,
    coalesce(g.name, a.attname) = any (x.names)
  from (
    select * from pg_attribute as a
    where a.attrelid = relation_columns.relation and a.attnum > 0 and not a.attisdropped
  ) as a
  full join (
    select * from unnest(relation_columns.names, relation_columns.types) with ordinality as g (name, type, place)
  ) as g on g.name = a.attname
  cross join (select event.excepted_columns(relation_columns.relation)) as x (names)
  where g.name is not null or relation_columns.names is null
  order by 1;
$$;

revoke execute on function event.relation_columns(regclass, text[], oid[]) from public;
