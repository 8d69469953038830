-- Detaches this connection from a session. Its subscriptions and its inbox stay.
create or replace function event.session_detach(session uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform event.require_session(session);
  delete from event.attachment as a where a.session_id = session and a.pid = pg_backend_pid();
  execute format('unlisten %I', session);
end;
$$;
