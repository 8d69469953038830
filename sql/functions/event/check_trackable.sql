-- Raises an error if the relation cannot be tracked, or not by the caller.
create or replace function event.check_trackable(relation regclass) returns void
language plpgsql stable set search_path = ''
as $$
declare
  v_class pg_class;
  v_schema text;
begin
  select c.* into v_class from pg_class as c where c.oid = check_trackable.relation;
  if not found then
    raise exception using errcode = 'undefined_table', message = 'there is no such relation';
  end if;
  v_schema := (select n.nspname from pg_namespace as n where n.oid = v_class.relnamespace);

  if v_schema in ('meta', 'event', 'pg_catalog', 'information_schema') then
    raise exception using errcode = 'RC003',
      message = format('%s cannot be tracked: it belongs to schema %I', check_trackable.relation, v_schema);
  end if;
  if v_class.relkind not in ('r', 'p') then
    raise exception using errcode = 'RC003',
      message = format('%s cannot be tracked: it is no table', check_trackable.relation),
      hint = 'Track the tables from which it is made.';
  end if;
  if v_class.relpersistence = 't' then
    raise exception using errcode = 'RC003',
      message = format('%s cannot be tracked: it is a temporary table', check_trackable.relation);
  end if;
  if not pg_has_role(current_user, v_class.relowner, 'usage') then
    raise exception using errcode = 'insufficient_privilege',
      message = format('must be owner of %s to track it', check_trackable.relation);
  end if;
  if not v_class.relispartition and v_class.relkind = 'r'
    and exists (select from pg_inherits as i where i.inhparent = check_trackable.relation)
  then
    raise exception using errcode = 'RC003',
      message = format('%s cannot be tracked: other tables inherit from it', check_trackable.relation),
      hint = 'Partitions can be tracked, inheritance cannot.';
  end if;
  if not exists (select from pg_index as i where i.indrelid = check_trackable.relation and i.indisprimary) then
    raise exception using errcode = 'RC005',
      message = format('%s cannot be tracked: it has no primary key', check_trackable.relation),
      hint = format('A primary key names its rows: alter table %s add primary key (…).', check_trackable.relation);
  end if;
end;
$$;
