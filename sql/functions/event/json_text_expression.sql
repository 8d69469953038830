-- SQL of type text that gives a value as JSON, as the change log has it; null for null. "value" is SQL that may be
-- evaluated several times.
create or replace function event.json_text_expression(type oid, value text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_type oid := event.base_type(json_text_expression.type);
begin
  return case
    -- The same text, sooner.
    when v_type in ('int2'::regtype, 'int4'::regtype, 'bool'::regtype) then format('(%s)::text', value)
    when v_type in ('int8'::regtype, 'numeric'::regtype, 'uuid'::regtype) then format($sql$('"' || (%s)::text || '"')$sql$, value)
    else format('pg_catalog.to_json(%s)::text', event.encode_expression(v_type, value))
  end;
end;
$$;

revoke execute on function event.json_text_expression(oid, text) from public;
