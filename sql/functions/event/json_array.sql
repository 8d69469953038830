-- The JSON array of an array whose elements have been encoded one by one: "items", in storage order, in the
-- dimensions of "like_array".
create or replace function event.json_array(like_array anyarray, items json[]) returns json
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
  v_items json[] := json_array.items;
begin
  -- From the innermost dimension outwards, each run of that many becomes one item.
  for v_dimension in reverse coalesce(array_ndims(json_array.like_array), 1) .. 2 loop
    v_items := array(
      select to_json(v_items[i : i + array_length(json_array.like_array, v_dimension) - 1])
      from generate_series(1, cardinality(v_items), array_length(json_array.like_array, v_dimension)) as i
      order by i
    );
  end loop;
  return to_json(v_items);
end;
$$;

grant execute on function event.json_array(anyarray, json[]) to public;
