-- The types of a relation's columns and all that they are made of: domains' bases, elements, attributes, subtypes.
-- "in_range": as a bound of a range, which JSON shows as PostgreSQL's text.
create or replace function event.type_parts(relation regclass) returns table (type oid, in_range boolean)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recursive part (type, in_range) as (
    select a.atttypid, false
    from pg_attribute as a
    where a.attrelid = type_parts.relation and a.attnum > 0 and not a.attisdropped
    union
    select d.type, part.in_range or t.typtype in ('r', 'm')
    from part
    join pg_type as t on t.oid = part.type
    cross join lateral (
      select t.typbasetype where t.typtype = 'd'
      union all
      select event.element_type(t.oid)
      union all
      select a.atttypid from pg_attribute as a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
      union all
      select r.rngsubtype from pg_range as r where t.oid in (r.rngtypid, r.rngmultitypid)
    ) as d (type)
    where d.type <> 0
  )
  select part.type, part.in_range from part;
$$;

revoke execute on function event.type_parts(regclass) from public;
