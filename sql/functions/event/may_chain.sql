-- May one statement update a row of the relation several times? A foreign key that cascades updates, or sets null or
-- a default, does so in the name of the statement that fired it: its rows are in the same transition tables.
create or replace function event.may_chain(relation regclass) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_constraint as c
    where c.conrelid in (select event.partitions(may_chain.relation)) and c.contype = 'f'
      and (c.confupdtype in ('c', 'n', 'd') or c.confdeltype in ('n', 'd'))
  );
$$;

revoke execute on function event.may_chain(regclass) from public;
