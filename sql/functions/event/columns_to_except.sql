-- The columns that event.track() is to leave out, as the arguments of a trigger: number and name of each. Null stands for
-- those that are left out already.
create or replace function event.columns_to_except(relation regclass, names text[]) returns text[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_names text[] := names;
  v_name text;
begin
  if names is null then
    select array_agg(e.name) into v_names from event.find_excepted(relation) as e;
    if array_position(v_names, null) is not null then
      raise exception using errcode = 'RC004',
        message = format('a column of %s that was left out cannot be found: it was renamed before the table was dumped', relation),
        hint = format('Say all that is to be left out: select event.track(%L, array[…]).', relation::text);
    end if;
  else
    foreach v_name in array names loop
      if v_name = any (event.key_columns(relation)) then
        raise exception using errcode = 'RC003',
          message = format('column %I of %s cannot be left out: it is of the primary key, which names the rows', v_name, relation);
      elsif not exists (select from event.relation_columns(relation) as c where c.name = v_name) then
        raise exception using errcode = 'undefined_column', message = format('%s has no column %s', relation, coalesce(quote_ident(v_name), 'null'));
      end if;
    end loop;
  end if;
  return array(
    select concat_ws(' ', a.attnum, a.attname)
    from pg_attribute as a
    where a.attrelid = relation and a.attname = any (v_names) and a.attnum > 0 and not a.attisdropped
    order by a.attnum
  );
end;
$$;

grant execute on function event.columns_to_except(regclass, text[]) to public;
