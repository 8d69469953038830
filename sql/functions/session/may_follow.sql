-- May this role read all rows of the relation, or that one column of them, now? Where row security decides which, an inbox
-- cannot tell: it is the log as it is, and does not know which rows have been shown to whom.
create or replace function event.may_follow(role name, relation oid, column_name text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select event.may_read(may_follow.role, may_follow.relation, may_follow.column_name)
    and event.is_secured(may_follow.relation, may_follow.role) is false
$$;

revoke execute on function event.may_follow(name, oid, text) from public;
