-- The relation of this name; else 42P01.
create or replace function event.named_relation(schema_name text, relation_name text) returns regclass
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_relation constant regclass := to_regclass(format('%I.%I', schema_name, relation_name));
begin
  if v_relation is null then
    raise undefined_table using message = format('relation %s does not exist', meta.format(meta.relation_id(schema_name, relation_name)));
  end if;
  return v_relation;
end;
$$;
