-- How many sessions an identity has at servers, expired ones that are still there included.
create or replace function event.count_sessions(owner name, subject text) returns bigint
language sql stable set search_path = ''
as $$
  select count(*) from event.session as s
  where s.owner = count_sessions.owner and s.token_hash is not null
    and (s.subject = count_sessions.subject or count_sessions.subject is null and s.subject is null)
$$;

revoke execute on function event.count_sessions(name, text) from public;
