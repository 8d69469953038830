-- Sessions do not last for ever: they expire when nobody uses them, and an identity has so many at the most.
alter table event.session
  -- Whose it is among the users of the role: the claim "sub". Null in SQL, and if that is not told.
  add column subject text,
  -- Unused for so long, it expires; null: never. Each use moves expires_at on.
  add column expires_after interval;

update event.session
set subject = claims->>'sub', expires_after = '30 days', expires_at = now() + '30 days'
where token_hash is not null;

-- An identity is looked up by both: null is not to be found by "=".
create index session_owner_index on event.session (owner, coalesce(subject, '')) where token_hash is not null;
create index session_expiry_index on event.session (expires_at) where expires_at is not null;

-- The servers that run now: each says so again and again, see event.is_running(). This table and the next are
-- unlogged, since after a crash each server says it all again.
create unlogged table event.server (
  id uuid not null,
  seen_at timestamptz not null default now(),
  constraint server_pkey primary key (id)
);

-- Which sessions have a connection to which server. What a server that was killed has left here counts for nothing.
create unlogged table event.server_session (
  session_id uuid not null,
  server_id uuid not null,
  constraint server_session_pkey primary key (session_id, server_id),
  constraint server_session_session_fkey foreign key (session_id) references event.session (id) on delete cascade
);
create index server_session_server_index on event.server_session (server_id);

-- It has got a parameter. (A new database has none yet: functions come after the migrations.)
drop function if exists event.session_create();
