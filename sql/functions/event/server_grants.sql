-- What a server's database user needs of Rowcast's own schemas, and all of it. event.grant_server() grants it.
--
-- It reads and writes sessions and what they follow. The change log it reads by event.changes_between() only, and what it shows of
-- tables of applications only as the roles of its clients, which are granted to it. By itself it reads them where it has been let
-- besides, to find out who sees a row.
create or replace function event.server_grants() returns table (kind text, object text, privileges text[])
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select 'schema', s.name, '{usage}'::text[] from unnest('{event,meta}'::text[]) as s (name)
  union all
  select 'table', format('event.%I', t.name), t.privileges
  from (
    values
      ('session', '{select,insert,update,delete}'::text[]),
      ('subscription', '{select,insert,update,delete}'),
      ('server', '{select,insert,update,delete}'),
      ('server_session', '{select,insert,update,delete}'),
      ('server_attachment', '{select}'),
      ('tracked_relation', '{select}'),
      ('retention', '{select}'),
      ('migration', '{select}'),
      ('installation', '{select}')
  ) as t (name, privileges)
  union all
  select 'sequence', 'event.log_horizon_seq', '{select}'
  union all
  -- Those besides that everybody may call.
  select 'function', p.oid::regprocedure::text, '{execute}'
  from unnest(array[
    -- the doorbell
    'bell_take', 'bell_give_back', 'bell_holder', 'bell_end_holder',
    -- the change log
    'changes_between', 'log_horizon', 'log_status',
    -- reading as clients
    'select_as', 'is_secured', 'policies', 'is_identity_type', 'base_type', 'row_security_state', 'role_states', 'relation_marks',
    -- sessions
    'create_sessions', 'attach_sessions', 'touch_sessions', 'acknowledge_sessions', 'leave_sessions', 'renew_sessions',
    'forget_expired_sessions', 'forget_lost_servers', 'session_lock_class',
    -- rowcast check
    'server_grants', 'capture_version'
  ]::name[]) as f (name)
  join pg_proc as p on p.pronamespace = 'event'::regnamespace and p.proname = f.name;
$$;

revoke execute on function event.server_grants() from public;
