-- How many of the changes of a row inside a statement that inserted it came before that? The row must have been absent
-- then: so they end with its deletion, and the next finds it there.
create or replace function event.count_before_insert(relation_id integer, key text, inserted json, inside event.change[]) returns integer
language plpgsql volatile set search_path = ''
as $$
declare
  v_count integer := cardinality(inside);
begin
  for i in 1 .. v_count - 1 loop
    if inside[i].op = 'row_delete' and inside[i + 1].op <> 'row_insert' then
      return i;
    end if;
  end loop;
  if inside[v_count].op <> 'row_delete' then
    return 0;
  elsif inside[1].op = 'row_insert' then
    return v_count;
  end if;

  -- A row that was there first found, was deleted, and replaced by the inserted one? Or did the inserted one get deleted?
  -- In the first case what was found is another row; if it is the same, the table tells.
  if not event.has_fields(inserted, inside[1].old) then
    return v_count;
  end if;
  return case when event.is_present(relation_id, key) then v_count else 0 end;
end;
$$;

revoke execute on function event.count_before_insert(integer, text, json, event.change[]) from public;
