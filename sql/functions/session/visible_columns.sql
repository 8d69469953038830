-- The columns of a relation that a role may select, but those that are left out for everyone (event.track). Null: all of them.
create or replace function event.visible_columns(role name, relation oid) returns text[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_excepted constant text[] := event.excepted_columns(relation);
begin
  if not exists (select from pg_roles as r where r.rolname = visible_columns.role) then
    return '{}';
  elsif v_excepted = '{}' and has_table_privilege(role, relation, 'select') then
    return null;
  end if;
  return (
    select case when not bool_and(v.is_visible) then coalesce(array_agg(a.attname::text) filter (where v.is_visible), '{}') end
    from pg_attribute as a
    cross join lateral (
      select has_column_privilege(visible_columns.role, a.attrelid, a.attnum, 'select') and a.attname <> all (v_excepted)
    ) as v (is_visible)
    where a.attrelid = visible_columns.relation and a.attnum > 0 and not a.attisdropped
  );
end;
$$;

revoke execute on function event.visible_columns(name, oid) from public;
