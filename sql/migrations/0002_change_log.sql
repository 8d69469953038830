create type event.operation as enum ('row_insert', 'row_delete', 'field_update');

-- The relations that are captured. Log rows refer to the id: it outlives renames and dumps.
create table event.tracked_relation (
  id integer generated always as identity,
  -- Null when it is tracked no more: what has been logged of it keeps its name.
  oid regclass,
  schema_name text not null,
  relation_name text not null,
  -- In the order of the primary key, as of the last event.track() or event.refresh_capture().
  key_columns text[] not null,
  -- What its capture functions were made for, see event.capture_version().
  capture_version text,
  -- Did event.track() grant SELECT to the owner of this schema? Then event.untrack() takes it back.
  is_granted boolean not null default false,
  tracked_at timestamptz not null default now(),
  constraint tracked_relation_pkey primary key (id),
  constraint tracked_relation_oid_key unique (oid)
);

-- The change log: one row for each row that a statement inserted, deleted or changed. Of an update, "new" and
-- "old" hold only the fields that changed. Nobody but Rowcast is granted anything on it; rows are only ever added,
-- except that a capture whose statement contained other statements puts theirs after its own (event.settle).
create table event.change (
  seq bigint generated always as identity,
  -- The top-level transaction: a position is a snapshot, and decides by it what has been seen.
  xid xid8 not null default pg_current_xact_id(),
  -- When the transaction began.
  at timestamptz not null default now(),
  actor text not null,
  op event.operation not null,
  relation_id integer not null,
  -- The values of the primary key as a JSON array, exactly as JavaScript's JSON.stringify writes it.
  key text collate "C" not null,
  new json,
  old json,
  -- One index for all: the log is read by transaction. (A second one on seq cost a bulk update a tenth.)
  constraint change_pkey primary key (xid, seq)
);

-- Inserts only, so what vacuum does for us is to freeze and to set the visibility map: small portions, often.
alter table event.change set (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- The connections that want a notification for each change of their SQL session (event.session_attach).
create table event.attachment (
  session_id uuid not null,
  pid integer not null,
  backend_start timestamptz not null,
  constraint attachment_pkey primary key (session_id, pid)
);

-- Unlogged on purpose: PostgreSQL empties it exactly when it may have taken back commits that clients have seen
-- (a crash, a promoted standby, a restored backup), and keeps it over a clean restart. See event.epoch().
create unlogged table event.incarnation (
  is_only boolean not null default true,
  id uuid not null default gen_random_uuid(),
  constraint incarnation_pkey primary key (is_only),
  constraint incarnation_is_only_check check (is_only)
);
