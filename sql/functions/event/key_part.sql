-- SQL of type text that gives one value of a key as JSON, exactly as JavaScript's JSON.stringify would write it.
create or replace function event.key_part(type oid, value text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_type oid := event.base_type(key_part.type);
begin
  return case
    when v_type in ('float4'::regtype, 'float8'::regtype) then format('event.float_text((%s)::text)', value)
    -- JSON itself has several texts for one value: it travels as a string here.
    when v_type in ('json'::regtype, 'jsonb'::regtype) then format('pg_catalog.to_json((%s)::text)::text', value)
    else event.json_text_expression(v_type, value)
  end;
end;
$$;

revoke execute on function event.key_part(oid, text) from public;
