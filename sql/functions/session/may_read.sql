-- May this role follow the relation, or that one column of it, now? That shows the keys of its rows in any case.
create or replace function event.may_read(role name, relation oid, column_name text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema constant oid := (select c.relnamespace from pg_class as c where c.oid = relation);
  v_visible constant text[] := event.visible_columns(role, relation);
  v_shown constant text[] := array_remove(event.key_columns(relation) || column_name, null);
begin
  return coalesce(
    v_visible is distinct from '{}' and has_schema_privilege(role, v_schema, 'usage') and (
      v_shown <@ v_visible
      or v_visible is null and v_shown <@ array(
        select a.attname::text from pg_attribute as a where a.attrelid = relation and a.attnum > 0 and not a.attisdropped
      )
    ), false);
end;
$$;

revoke execute on function event.may_read(name, oid, text) from public;
