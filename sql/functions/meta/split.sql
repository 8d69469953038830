-- The parts of an identifier's text, still quoted; null if it is none.
create or replace function meta.split(id text) returns text[]
language plpgsql immutable strict parallel safe
as $$
declare
  v_part constant text := '(?:"(?:[^"]|"")*"|''(?:[^'']|'''')*''|-?[0-9]+|[a-z_][a-z0-9_]*)';
begin
  if id !~ ('^' || v_part || '(?:\.' || v_part || ')*$') then
    return null;
  end if;
  return array(
    select m.part[1]
    from regexp_matches(id, v_part, 'g') with ordinality as m (part, place)
    order by m.place
  );
end;
$$;
