-- Attaches this connection to a session: it gets the session's changes by NOTIFY on the channel named by the
-- session's id. Returns what is in the inbox, so that nothing is sent again to others who are attached.
--
-- The inbox is the truth and NOTIFY a convenience: what a transaction changed before this one committed is not
-- announced when it commits. Who must not miss it reads event.inbox() once more after attaching.
create or replace function event.session_attach(session uuid) returns setof event.inbox_entry
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform event.require_session(session);
  perform event.forget_lost_attachments();
  perform nextval('event.attachment_seq'); -- before anybody can see the attachment: from now on writers look for it
  insert into event.attachment (session_id, pid, backend_start)
  select session, pg_backend_pid(), coalesce(c.backend_start, now())
  from pg_catalog.pg_stat_activity as c
  where c.pid = pg_backend_pid()
  on conflict on constraint attachment_pkey do update set backend_start = excluded.backend_start;
  update event.session as s set last_seen_at = now(), expires_at = coalesce(now() + s.expires_after, s.expires_at)
  where s.id = session;
  execute format('listen %I', session);
  return query select * from event.inbox(session);
end;
$$;

-- For literals: what is no uuid is no session either.
create or replace function event.session_attach(session text) returns setof event.inbox_entry
language plpgsql
as $$
declare
  v_session uuid;
begin
  begin
    v_session := session::uuid;
  exception when invalid_text_representation then
    raise exception using errcode = 'RC001', message = format('there is no session %s, or it is not yours', session);
  end;
  return query select * from event.session_attach(v_session);
end;
$$;
