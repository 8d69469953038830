-- The settings on which the text of a relation's values depends. Only those that its types
-- need: each costs every captured statement of the relation some time.
create or replace function event.capture_settings(relation regclass) returns table (name text, value text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select s.name, s.value
  from (
    values
      ('timezone', 'UTC', '{timestamptz}'::regtype[]),
      ('datestyle', 'ISO, YMD', '{}'),
      ('intervalstyle', 'iso_8601', '{interval}'),
      ('extra_float_digits', '1', '{float4,float8,point,line,lseg,box,path,polygon,circle}'),
      ('bytea_output', 'hex', '{bytea}'),
      ('lc_monetary', 'C', '{money}')
  ) as s (name, value, types)
  where exists (
    select
    from event.type_parts(capture_settings.relation) as p
    join pg_type as t on t.oid = p.type
    where p.type = any (s.types)
      or s.name = 'datestyle' and p.in_range and p.type in ('date'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype)
      -- What a type of an extension depends on is not known.
      or p.type >= 16384 and t.typtype = 'b' and event.element_type(p.type) is null
  );
$$;

revoke execute on function event.capture_settings(regclass) from public;
