-- Everything about a relation that its capture is made for, as one short text: it changes when a column is added,
-- dropped, renamed or retyped, or the primary key changes.
--
-- Immutable on purpose, though it is not: the planner then asks once, and keeps the answer with the plan. PostgreSQL
-- throws away plans that read a relation, or a transition table of it, when the relation is altered; so in such a
-- query the answer is right and costs nothing.
create or replace function event.shape(relation oid) returns text
language sql immutable security definer set search_path = pg_catalog, pg_temp
as $$
  select md5(concat_ws(',',
    event.key_columns(shape.relation)::text,
    event.may_chain(shape.relation),
    (select c.condeferrable from pg_constraint as c where c.conrelid = shape.relation and c.contype = 'p'),
    (
      select string_agg(concat_ws(':', a.attnum, quote_ident(a.attname), a.atttypid, a.atttypmod, a.attnotnull, a.attcollation,
        case when a.attgenerated = 'v' then pg_get_expr(d.adbin, d.adrelid) end), ',' order by a.attnum)
      from pg_attribute as a
      left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
      where a.attrelid = shape.relation and a.attnum > 0 and not a.attisdropped
    ),
    (
      select string_agg(concat_ws(':', p.type, a.attnum, quote_ident(a.attname), a.atttypid), ',' order by p.type, a.attnum)
      from event.type_parts(shape.relation) as p
      join pg_type as t on t.oid = p.type
      join pg_attribute as a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
    )));
$$;

grant execute on function event.shape(oid) to public;
