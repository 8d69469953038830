-- Casts between identifiers, their text and their JSON. A cast cannot be replaced, so it is made when it
-- is missing. A literal needs its type first: 'public.person.3'::text::meta.row_id.
do $$
declare
  v_kind text;
  v_id text;
begin
  foreach v_kind in array array['relation_id', 'column_id', 'row_id', 'field_id'] loop
    v_id := 'meta.' || v_kind;
    if exists (select from pg_catalog.pg_cast as c where c.castsource = v_id::regtype and c.casttarget = 'text'::regtype) then
      continue;
    end if;
    execute format('create cast (%s as text) with function meta.format(%s) as assignment', v_id, v_id);
    execute format('create cast (text as %s) with function meta.parse_%s(text) as assignment', v_id, v_kind);
    execute format('create cast (%s as jsonb) with function meta.flatten(%s)', v_id, v_id);
    execute format('create cast (jsonb as %s) with function meta.unflatten_%s(jsonb)', v_id, v_kind);
  end loop;
end;
$$;
