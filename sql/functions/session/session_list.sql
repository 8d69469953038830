-- The sessions that the caller may use, with what they are about; for the owner of Rowcast's schemas, all of them.
create or replace view event.session_list with (security_barrier) as
select s.id, s.owner, s.subject, s.created_at, s.last_seen_at, s.expires_at, s.epoch,
  (select count(*) from event.subscription as u where u.session_id = s.id) as subscriptions,
  exists (select from event.server_attachment as a where a.session_id = s.id) or exists (
    select from event.attachment as a
    join pg_catalog.pg_stat_activity as c on c.pid = a.pid and coalesce(c.backend_start, a.backend_start) = a.backend_start
    where a.session_id = s.id
  ) as is_attached
from event.session as s
where (s.expires_at is null or s.expires_at > now())
  and ((select event.is_keeper()) or event.may_use(s)); -- the former is asked once for all

grant select on event.session_list to public;
