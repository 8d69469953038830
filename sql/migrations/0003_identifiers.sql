-- Names for what can change. Flat records, so that they compare, sort, join and index as they are;
-- collation "C", so that their order is the same everywhere and an index on them never goes stale.

create type meta.relation_id as (
  schema_name text collate "C",
  relation_name text collate "C"
);

create type meta.column_id as (
  schema_name text collate "C",
  relation_name text collate "C",
  column_name text collate "C"
);

-- key: the values of the primary key in its order, as a JSON array, each encoded as in the change log.
create type meta.row_id as (
  schema_name text collate "C",
  relation_name text collate "C",
  key jsonb
);

create type meta.field_id as (
  schema_name text collate "C",
  relation_name text collate "C",
  key jsonb,
  column_name text collate "C"
);
