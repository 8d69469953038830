-- PostgreSQL's shortest text of a float as JSON, with the exponent where JavaScript has it: 1e+15 is 1000000000000000,
-- 1e-05 is 0.00001, -0 is 0.
create or replace function event.float_text(value text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[] := regexp_match(float_text.value, '^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$');
  v_digits text;
  v_point integer;
begin
  if v_parts is null then
    return '"' || float_text.value || '"'; -- NaN and the infinities
  end if;

  -- The value is 0.<digits> times ten to the power of v_point.
  v_point := length(v_parts[2]) + coalesce(v_parts[4]::integer, 0);
  v_digits := v_parts[2] || coalesce(v_parts[3], '');
  v_point := v_point - (length(v_digits) - length(ltrim(v_digits, '0')));
  v_digits := trim(v_digits, '0');
  return case
    when v_digits = '' then '0'
    else v_parts[1] || case
      when v_point between length(v_digits) and 21 then rpad(v_digits, v_point, '0')
      when v_point between 1 and 21 then left(v_digits, v_point) || '.' || substr(v_digits, v_point + 1)
      when v_point between -5 and 0 then '0.' || repeat('0', -v_point) || v_digits
      else left(v_digits, 1) || case when length(v_digits) > 1 then '.' || substr(v_digits, 2) else '' end
        || 'e' || case when v_point > 0 then '+' else '-' end || abs(v_point - 1)
    end
  end;
end;
$$;

grant execute on function event.float_text(text) to public;
