-- Takes back what event.session_grant() gave, and detaches nobody: NOTIFY reaches whoever listens.
create or replace function event.session_revoke(session uuid, role name) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform event.require_owner(session);
  delete from event.session_member as m where m.session_id = session and m.role = session_revoke.role;
end;
$$;
