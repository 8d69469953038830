-- A table and, if it is partitioned, its partitions, and theirs.
create or replace function event.partitions(relation regclass) returns setof regclass
language sql stable
begin atomic
  select partitions.relation union select t.relid from pg_partition_tree(partitions.relation) as t;
end;

grant execute on function event.partitions(regclass) to public;
