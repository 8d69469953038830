-- May this role read the relation, or that one column of it, now? A column shows the keys of its rows too.
create or replace function event.may_read(role name, relation oid, column_name text) returns boolean
language sql stable security definer set search_path = ''
as $$
  select coalesce((
    select has_schema_privilege(r.oid, c.relnamespace, 'usage')
      and case when may_read.column_name is null then has_table_privilege(r.oid, c.oid, 'select') else (
        select count(*) = count(*) filter (where has_column_privilege(r.oid, c.oid, a.attnum, 'select')) and count(*) > 0
        from unnest(event.key_columns(c.oid) || may_read.column_name) as k (name)
        left join pg_catalog.pg_attribute as a
          on a.attrelid = c.oid and a.attname = k.name and a.attnum > 0 and not a.attisdropped
      ) end
    from pg_catalog.pg_roles as r
    cross join pg_catalog.pg_class as c
    where r.rolname = may_read.role and c.oid = may_read.relation
  ), false)
$$;

revoke execute on function event.may_read(name, oid, text) from public;
