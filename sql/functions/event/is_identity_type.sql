-- Are two values of this type equal in SQL exactly when they look the same? "is_bytewise" tells whether the
-- column's collation, if it has one, compares text by its bytes.
create or replace function event.is_identity_type(type oid, is_bytewise boolean) returns boolean
language sql stable
return (
  select t.typtype = 'e'
    or t.oid in (
      'bool'::regtype, '"char"'::regtype, 'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype,
      'uuid'::regtype, 'bytea'::regtype, 'date'::regtype, 'time'::regtype, 'timetz'::regtype, 'timestamp'::regtype,
      'timestamptz'::regtype, 'money'::regtype, 'macaddr'::regtype, 'macaddr8'::regtype, 'bit'::regtype,
      'varbit'::regtype, 'pg_lsn'::regtype, 'xid8'::regtype)
    or t.oid in ('text'::regtype, 'varchar'::regtype, 'name'::regtype) and is_bytewise
  from pg_type as t
  where t.oid = event.base_type(is_identity_type.type)
);

revoke execute on function event.is_identity_type(oid, boolean) from public;
