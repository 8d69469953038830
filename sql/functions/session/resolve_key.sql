-- The key as the change log writes it, and whether there is such a row now. Runs as the caller: the types of a
-- key may run code of whoever made them.
create or replace function event.resolve_key(relation regclass, key jsonb, out key_text text, out is_present boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, YMD' set intervalstyle = 'iso_8601' set extra_float_digits = 1
set bytea_output = 'hex' set lc_monetary = 'C'
as $$
declare
  v_columns text[] := event.key_columns(relation);
  v_values text;
  v_condition text;
begin
  if jsonb_array_length(key) <> cardinality(v_columns) then
    raise exception using errcode = 'RC008',
      message = format('the key of %s is (%s), but %s has %s values', relation, array_to_string(v_columns, ', '), key, jsonb_array_length(key));
  end if;

  -- Values are cast to the types of their columns and compared by the primary key's own operators. A cast to
  -- varchar(3) would cut a text that is too long, and find another row.
  select
    string_agg(format(
      case when jsonb_typeof(key -> k.place) in ('array', 'object')
        then '(select r.v from jsonb_to_record(jsonb_build_object(''v'', $1 -> %1$s)) as r (v %2$s)) as %3$I'
        else '($1 ->> %1$s)::%2$s as %3$I'
      end,
      k.place, format_type(a.atttypid, case when a.atttypid <> 'varchar'::regtype then a.atttypmod else -1 end), a.attname), ', '),
    string_agg(format('t.%1$I operator(%2$I.%3$s) k.%1$I', a.attname, n.nspname, o.oprname), ' and ')
  into v_values, v_condition
  from pg_catalog.pg_index as i
  cross join lateral (
    select u.attnum, u.opclass, u.place::integer - 1 from unnest(i.indkey, i.indclass) with ordinality as u (attnum, opclass, place)
  ) as k (attnum, opclass, place)
  join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
  join pg_catalog.pg_opclass as c on c.oid = k.opclass
  join pg_catalog.pg_amop as m
    on m.amopfamily = c.opcfamily and m.amoplefttype = c.opcintype and m.amoprighttype = c.opcintype and m.amopstrategy = 3
  join pg_catalog.pg_operator as o on o.oid = m.amopopr
  join pg_catalog.pg_namespace as n on n.oid = o.oprnamespace
  where i.indrelid = relation and i.indisprimary;

  execute format(
    'select coalesce(t.key_text, %s), t.key_text is not null
     from (select %s) as k
     left join lateral (select %s from %s as t where %s) as t (key_text) on true',
    event.key_expression(relation, 'k'), v_values, event.key_expression(relation, 't'), relation, v_condition)
  into key_text, is_present using key;
end;
$$;
