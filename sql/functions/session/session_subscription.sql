-- The subscriptions of the sessions that the caller may use, with their kind.
create or replace view event.session_subscription with (security_barrier) as
select u.session_id, u.id, u.kind,
  coalesce(
    (
      select meta.format(meta.relation_id(n.nspname, c.relname))
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where c.oid = t.oid
    ),
    meta.format(meta.relation_id(t.schema_name, t.relation_name))
  ) as relation,
  u.key, u.column_name
from event.session as s
join event.subscription as u on u.session_id = s.id
left join event.tracked_relation as t on t.id = u.relation_id
where (s.expires_at is null or s.expires_at > now()) and event.may_use(s);

grant select on event.session_subscription to public;
