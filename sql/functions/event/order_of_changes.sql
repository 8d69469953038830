-- The numbers of a statement's own changes of a row and of those made inside it, in the order in which they happened. Each
-- change says what it found, so nearly always one order fits: the statement's own first, or what made room for it.
create or replace function event.order_of_changes(own event.change[], inside event.change[]) returns bigint[]
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
  v_order event.change[] := own || inside;
  v_own_first jsonb := event.follow_all(own || inside);
  v_inside_first jsonb := event.follow_all(inside || own);
begin
  if v_own_first is null and v_inside_first is not null then
    v_order := inside || own;
  elsif v_own_first is null or v_own_first <> v_inside_first then
    -- Both fit (say, a field was set to 1 and to 0), or neither. The table tells what came last.
    v_order := coalesce(event.arrange(v_order, coalesce(event.current_row(own[1].relation_id, own[1].key)::jsonb, 'null')), v_order);
  end if;
  return array(select c.seq from unnest(v_order) as c);
exception when others then
  -- JSON that jsonb cannot hold, for one: a writer must not fail by it.
  return array(select c.seq from unnest(own || inside) as c);
end;
$$;

revoke execute on function event.order_of_changes(event.change[], event.change[]) from public;
