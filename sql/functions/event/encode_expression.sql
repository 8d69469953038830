-- SQL that gives a value in a form which PostgreSQL's JSON functions write exactly as the change log wants it.
-- A value that is right already comes back as it was given. "value" is SQL that may be evaluated several times.
create or replace function event.encode_expression(type oid, value text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_type oid := event.base_type(encode_expression.type);
  v_casts text[] := event.json_casts(v_type);
  v_element oid := event.element_type(v_type);
  v_composite oid := (select t.typrelid from pg_type as t where t.oid = v_type and t.typtype = 'c');
  v_encoded text := encode_expression.value;
  v_cast text;
  v_output text;
begin
  -- Who makes a type may make casts of it to text and json, which would run with the rights of whoever logs: so these are
  -- written by PostgreSQL's own functions.
  v_output := event.output_function(v_type);
  if v_output is not null then
    return format('pg_catalog.textin(pg_catalog.%s((%s)::%s))', v_output, v_encoded, format_type(v_type, null));
  elsif event.output_function(v_element) is not null then
    return format('pg_catalog.textin(pg_catalog.array_out(%s))::pg_catalog.text[]', v_encoded);
  end if;

  if v_casts is not null then
    foreach v_cast in array v_casts loop
      v_encoded := format('(%s)::%s', v_encoded, v_cast);
    end loop;
    return v_encoded;
  end if;

  if v_element is not null then
    v_casts := event.json_casts(v_element);
    if v_casts is not null then
      foreach v_cast in array v_casts loop
        v_encoded := format('(%s)::%s[]', v_encoded, v_cast);
      end loop;
    elsif event.encode_expression(v_element, 'x') <> 'x' then
      -- Unnested in the select list, where a null composite stays null and is no row of nulls.
      v_encoded := format(
        'event.json_array(%1$s, array(select pg_catalog.to_json(%2$s) from (select pg_catalog.unnest(%1$s) as element) as e))',
        encode_expression.value, event.encode_expression(v_element, 'e.element'));
    end if;
    return v_encoded;
  end if;

  if exists (
    select from pg_attribute as a
    where a.attrelid = v_composite and a.attnum > 0 and not a.attisdropped
      and event.encode_expression(a.atttypid, 'x') <> 'x'
  ) then
    -- "is distinct from null" asks for the value, "is not null" for each of its fields.
    return format(
      '(case when (%s) is distinct from null then (select pg_catalog.row_to_json(r.*) from (select %s) as r) end)',
      encode_expression.value,
      (
        select string_agg(
          format('%s as %I', event.encode_expression(a.atttypid, format('(%s).%I', encode_expression.value, a.attname)), a.attname),
          ', ' order by a.attnum)
        from pg_attribute as a
        where a.attrelid = v_composite and a.attnum > 0 and not a.attisdropped
      ));
  end if;
  return v_encoded;
end;
$$;

revoke execute on function event.encode_expression(oid, text) from public;
