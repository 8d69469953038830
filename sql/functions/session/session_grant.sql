-- Lets another role use a session. It sees there what both it and the owner may read. Only the owner may.
create or replace function event.session_grant(session uuid, role name) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform event.require_owner(session);
  if not exists (select from pg_catalog.pg_roles as r where r.rolname = session_grant.role) then
    raise undefined_object using message = format('role %I does not exist', role);
  end if;
  insert into event.session_member (session_id, role) values (session, session_grant.role) on conflict do nothing;
end;
$$;
