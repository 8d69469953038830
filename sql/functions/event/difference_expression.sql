-- SQL of type boolean: do two values of a column differ in what a reader sees? Equal in SQL may still look different
-- (1.0 and 1.00, citext, -0), and some types have no equality at all (json, point).
create or replace function event.difference_expression(type oid, is_bytewise boolean, a text, b text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_base oid := event.base_type(difference_expression.type);
begin
  if event.is_identity_type(difference_expression.type, is_bytewise) then
    -- A domain over an enumeration has no operators.
    return format(case when v_base = difference_expression.type then '%1$s is distinct from %2$s' else '(%1$s)::%3$s is distinct from (%2$s)::%3$s' end,
      difference_expression.a, difference_expression.b, format_type(v_base, null));
  end if;
  -- *<> compares the stored bytes: it finds the unchanged ones fast, whatever the type.
  return format(
    '(row(%1$s)::record operator(pg_catalog.*<>) row(%2$s)::record'
      ' and to_json(%3$s)::text collate "C" is distinct from to_json(%4$s)::text collate "C")',
    difference_expression.a, difference_expression.b,
    event.encode_expression(difference_expression.type, difference_expression.a),
    event.encode_expression(difference_expression.type, difference_expression.b));
end;
$$;

revoke execute on function event.difference_expression(oid, boolean, text, text) from public;
