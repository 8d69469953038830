-- May the caller use this session? Its owner may and the roles that the owner has granted it to; and always
-- those of event.is_keeper(). A session with a token is used by way of the server only.
create or replace function event.may_use(session event.session) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select event.is_keeper()
    or session.token_hash is null and event.is_member(event.caller(),
      session.owner || array(select m.role from event.session_member as m where m.session_id = session.id))
$$;
