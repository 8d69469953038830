-- A number as JavaScript writes it, so that both sides have one text for it. What JavaScript's
-- number cannot hold exactly is refused: such values travel as strings.
create or replace function meta.number_text(value numeric) returns text
language plpgsql immutable strict parallel safe set extra_float_digits = 1
as $$
declare
  v_double float8;
  v_shortest numeric;
  v_rounder numeric;
  v_zeros integer;
begin
  if abs(value) <= 9007199254740991 and value = trunc(value) then
    return trim_scale(value)::text;
  end if;

  v_double := value::float8;
  v_shortest := trim_scale(v_double::text::numeric);
  -- JavaScript also takes the decimal just between two doubles if it is shorter, 1e23; PostgreSQL never does.
  v_zeros := length(v_shortest::text) - length(rtrim(v_shortest::text, '0'));
  v_rounder := round(v_shortest, case when scale(v_shortest) > 0 then scale(v_shortest) else -v_zeros end - 1);
  if (case when abs(v_rounder) <= 1.7976931348623157e308 then v_rounder::float8 = v_double end) then
    v_shortest := v_rounder;
  end if;
  if value not in (v_shortest, v_double::text::numeric) then
    raise numeric_value_out_of_range;
  end if;
  return event.float_text(v_shortest::text);
exception when numeric_value_out_of_range then
  raise exception using errcode = 'RC008',
    message = format('not a number that JavaScript can hold: %s', value),
    hint = 'Give it as a string.';
end;
$$;
