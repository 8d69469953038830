-- Puts changes of one row into an order in which each finds the row as it says, and the last leaves it as it is now:
-- the first such order, with as much as can be in the order given. Null if there is none, or it is not soon found.
create or replace function event.arrange(changes event.change[], now jsonb) returns event.change[]
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  v_length constant integer := cardinality(changes);
  v_chosen integer[] := '{}';
  v_states jsonb[] := array['"unknown"'::jsonb]; -- before any, and after each chosen
  v_try integer := 1;
  v_place integer;
  v_next jsonb;
begin
  for v_step in 1 .. 2000 + 10 * v_length loop
    v_place := cardinality(v_chosen);
    v_next := v_states[v_place + 1];
    if v_place = v_length
      and (v_next = now or jsonb_typeof(v_next) = 'object' and jsonb_typeof(now) = 'object' and now || v_next = now)
    then
      return array(select changes[c.n] from unnest(v_chosen) with ordinality as c (n, place) order by c.place);
    end if;

    if v_try > v_length then
      -- Nothing more fits here: what was chosen before was wrong.
      if v_place = 0 then
        return null;
      end if;
      v_try := v_chosen[v_place] + 1;
      v_chosen := v_chosen[: v_place - 1];
      v_states := v_states[: v_place];
      continue;
    end if;
    v_next := case when v_try <> all (v_chosen) then event.follow(v_next, changes[v_try]) end;
    if v_next is null then
      v_try := v_try + 1;
    else
      v_chosen := v_chosen || v_try;
      v_states := v_states || v_next;
      v_try := 1;
    end if;
  end loop;
  return null;
end;
$$;

revoke execute on function event.arrange(event.change[], jsonb) from public;
