-- A value of a key as part of an identifier. A whole number stands as it is; a text is quoted where it
-- would read as something else, so that 3 and "3" differ; all other JSON stands in single quotes.
create or replace function meta.escape_value(value jsonb) returns text
language plpgsql immutable strict parallel safe
as $$
declare
  v_text constant text := value #>> '{}';
  v_json text;
begin
  if jsonb_typeof(value) = 'number' and v_text ~ '^-?[1-9][0-9]{0,14}$' then
    return v_text; -- as most keys are: spares what follows
  end if;
  case jsonb_typeof(value)
    when 'boolean' then
      return v_text;
    when 'string' then
      return case when v_text in ('true', 'false', 'null') then '"' || v_text || '"' else meta.escape_name(v_text) end;
    when 'null' then
      raise exception using errcode = 'RC008', message = 'a key holds no null';
    else
      v_json := meta.json_text(value);
      return case when v_json ~ '^-?[0-9]+$' then v_json else '''' || replace(v_json, '''', '''''') || '''' end;
  end case;
end;
$$;
