-- Raises an error if the relation cannot be tracked, or not by the caller.
create or replace function event.check_trackable(relation regclass) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_class pg_class;
  v_schema text;
  v_reason text;
  v_hint text := '';
begin
  select c.* into v_class from pg_class as c where c.oid = relation;
  if not found then
    raise exception using errcode = 'undefined_table', message = format('there is no relation %s', relation::oid);
  end if;
  v_schema := (select n.nspname from pg_namespace as n where n.oid = v_class.relnamespace);
  if not pg_has_role(v_class.relowner, 'usage') then
    raise exception using errcode = 'insufficient_privilege', message = format('must be owner of %s to track it', relation);
  end if;

  if v_schema in ('meta', 'event', 'pg_catalog', 'information_schema') then
    v_reason := format('it belongs to schema %I', v_schema);
  elsif v_class.relkind in ('v', 'm') then
    v_reason := 'it is a view';
    v_hint := 'Track the tables that it is made of.';
  elsif v_class.relkind not in ('r', 'p') then
    v_reason := 'it is no table';
  elsif v_class.relpersistence = 't' then
    v_reason := 'it is a temporary table';
  elsif v_class.relispartition then
    v_reason := 'it is a partition';
    v_hint := 'Track the partitioned table: that takes in all its partitions.';
  elsif v_class.relkind = 'r' and exists (select from pg_inherits as i where i.inhparent = relation) then
    v_reason := 'other tables inherit from it';
    v_hint := 'A row of theirs would be one of its rows, without being captured. Partitions can be tracked.';
  elsif exists (select from pg_foreign_table as f where f.ftrelid in (select event.partitions(relation))) then
    v_reason := 'it has a partition on another server';
  end if;
  if v_reason is not null then
    raise exception using errcode = 'RC003', message = format('%s cannot be tracked: %s', relation, v_reason), hint = v_hint;
  end if;

  if not exists (select from pg_index as i where i.indrelid = relation and i.indisprimary) then
    raise exception using errcode = 'RC005',
      message = format('%s cannot be tracked: it has no primary key', relation),
      hint = format('A primary key names its rows: alter table %s add primary key (…).', relation);
  end if;
end;
$$;

grant execute on function event.check_trackable(regclass) to public;
