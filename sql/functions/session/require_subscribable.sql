-- Refuses what cannot be followed, or not by the owner of the session and the caller.
create or replace function event.require_subscribable(session uuid, relation regclass, column_name text default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_session constant event.session := event.require_session(session);
  v_schema text;
  v_kind "char";
  v_role name;
begin
  select n.nspname, c.relkind into v_schema, v_kind
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where c.oid = relation;
  if not found then
    raise undefined_table using message = format('relation %s does not exist', relation::oid);
  end if;
  if v_schema in ('event', 'meta') then
    raise exception using errcode = 'RC003', message = format('%s belongs to Rowcast itself and cannot be followed', relation);
  end if;
  if v_kind not in ('r', 'p') then
    raise exception using errcode = 'RC003', message = format('%s is not a table: only tables can be followed', relation);
  end if;
  if column_name is not null and not exists (
    select from pg_catalog.pg_attribute as a
    where a.attrelid = relation and a.attname = require_subscribable.column_name and a.attnum > 0 and not a.attisdropped
      and a.attname <> all (event.excepted_columns(relation))
  ) then
    raise undefined_column using message = format('%s has no column %I', relation, column_name);
  end if;

  if not exists (select from pg_catalog.pg_index as i where i.indrelid = relation and i.indisprimary) then
    raise exception using errcode = 'RC005', message = format('%s has no primary key, so its rows have no names', relation),
      hint = 'Add a primary key, then: ' || format('select event.track(%L)', relation);
  end if;
  if not exists (select from event.tracked_relation as t where t.oid = relation) then
    raise exception using errcode = 'RC004', message = format('%s is not tracked', relation),
      hint = 'Its owner tracks it: ' || format('select event.track(%L)', relation);
  end if;
  foreach v_role in array array[v_session.owner, event.caller()] loop
    if not event.may_read(v_role, relation, column_name) then
      raise insufficient_privilege using
        message = format('role %I may not read %s', v_role, relation || coalesce(' column ' || quote_ident(column_name), '')),
        hint = format('Grant it: grant select on %s to %I', relation, v_role);
    end if;
    -- An inbox is the log as it is: it does not know which rows a role has been shown, so not which deletes are its to know.
    if event.is_secured(relation, v_role) then
      raise exception using errcode = 'RC006',
        message = format('row security decides which rows of %s role %I may see: it cannot be followed in SQL', relation, v_role),
        hint = 'Follow it as a client of a Rowcast server, which keeps account of what each client sees.';
    end if;
  end loop;
end;
$$;
