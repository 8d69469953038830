-- Who uses Rowcast, over however many connections, and how far it has come in the history. Made in SQL by
-- event.session_create(), or by a server for a browser; then token_hash is set, and the id alone opens nothing.
create table event.session (
  id uuid not null default gen_random_uuid(),
  -- A name and not a reference: it survives a dump, and a role that is gone may still own sessions.
  owner name not null,
  claims jsonb not null default '{}',
  token_hash bytea,
  -- Everything visible in this snapshot has been acknowledged; null: nothing yet.
  position pg_snapshot,
  epoch text,
  created_at timestamptz not null default now(),
  last_seen_at timestamptz not null default now(),
  expires_at timestamptz,
  constraint session_pkey primary key (id)
);

-- Other roles that may use a session.
create table event.session_member (
  session_id uuid not null,
  role name not null,
  constraint session_member_pkey primary key (session_id, role),
  constraint session_member_session_fkey foreign key (session_id) references event.session (id) on delete cascade
);

create table event.subscription (
  session_id uuid not null,
  -- Canonical: equal in all sessions that follow the same.
  id text not null,
  kind text not null,
  relation_id integer not null,
  key text collate "C",
  column_name text,
  -- What a server's subscription asks for beyond that: filter, order, limit.
  definition jsonb,
  -- It concerns what is not visible here.
  since pg_snapshot not null,
  constraint subscription_pkey primary key (session_id, id),
  constraint subscription_session_fkey foreign key (session_id) references event.session (id) on delete cascade,
  constraint subscription_kind_check check (kind in ('table', 'column', 'row', 'field'))
);

alter table event.attachment
  add constraint attachment_session_fkey foreign key (session_id) references event.session (id) on delete cascade;

-- One atom of change as event.inbox() gives it.
create type event.inbox_entry as (
  -- To be given to event.ack(): stands for this transaction and all before it.
  position text,
  seq bigint,
  transaction xid8,
  at timestamptz,
  op event.operation,
  -- The widest kind of the subscriptions that it concerns.
  kind text,
  relation text,
  -- The row, or for a field_update the field.
  id text,
  subscriptions text[],
  -- row_insert: the row; field_update: the field's value.
  data json
);
