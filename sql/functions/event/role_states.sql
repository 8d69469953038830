-- For each of these roles that exists a short text that changes with what it may do by way of other roles: with its own
-- attributes and memberships and those of what it is a member of, and with whether the session's user may become it. Also
-- with those of the owners of an application's functions and views, which policies may read as. Other roles may come and go as they like.
create or replace function event.role_states(roles text[]) returns table (role text, state text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with recursive
    acting as (
      select r.rolname::text as role, r.oid from pg_roles as r where r.rolname = any (role_states.roles)
      union
      select a.role, m.roleid from acting as a join pg_auth_members as m on m.member = a.oid
    ),
    owning as (
      select o.oid from pg_roles as o
      where not o.rolsuper and o.oid in (
        select f.proowner from pg_proc as f
        where f.prosecdef and f.oid >= 16384 and f.pronamespace not in ('event'::regnamespace, 'meta'::regnamespace)
        union all
        select v.relowner from pg_class as v
        where v.relkind = 'v' and v.oid >= 16384 and v.relnamespace not in ('event'::regnamespace, 'meta'::regnamespace)
      )
      union
      select m.roleid from owning as o join pg_auth_members as m on m.member = o.oid
    ),
    described as materialized (
      select r.oid, concat_ws(' ', r.oid, r.rolsuper, r.rolbypassrls, r.rolinherit, m.memberships) as text
      from pg_roles as r
      left join (
        select m.member, string_agg(m::text, ' ' order by m::text) as memberships from pg_auth_members as m group by m.member
      ) as m on m.member = r.oid
      where r.oid in (select a.oid from acting as a union select o.oid from owning as o)
    )
  select
    a.role,
    md5(concat_ws(' ',
      pg_has_role(session_user, a.role, 'member'),
      string_agg(d.text, ' ' order by d.oid),
      (select string_agg(d.text, ' ' order by d.oid) from owning as o join described as d on d.oid = o.oid)))
  from acting as a
  join described as d on d.oid = a.oid
  group by a.role;
$$;

revoke execute on function event.role_states(text[]) from public;
