-- Deletes a session, its subscriptions and so its inbox. Only its owner may.
create or replace function event.session_delete(session uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform event.require_owner(session);
  delete from event.session as s where s.id = session;
end;
$$;
