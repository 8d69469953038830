-- The change log becomes a ring of eight parts. One is written to; when it is full or old, the next is; and the
-- oldest is emptied whole, when it is due (event.tend_log). All eight are made here, once: pruning takes no DDL but TRUNCATE.

-- The parts are recognised by the columns of the table, in this order: a row needs no conversion on its way in.
-- These functions take rows of the table that is now part 0, and are made anew for the whole.
drop function if exists event.arrange(event.change[], jsonb);
drop function if exists event.follow(jsonb, event.change);
drop function if exists event.follow_all(event.change[]);
drop function if exists event.order_of_changes(event.change[], event.change[]);
-- It is now asked for one relation.
drop function if exists event.notify_attached(bigint, bigint);
-- It is now bounded on request.
drop function if exists event.changes_between(pg_snapshot, pg_snapshot, integer[]);

-- Where writers write: xid * 16 + part. All that transactions from this id on have written is there, or in parts yet to
-- come; as long as that is not sure, 8 is added. A sequence, because every snapshot sees its newest value, and nobody waits
-- for it. Only event.open_part() sets it.
create sequence event.log_part_seq as bigint minvalue 0 start 0;
select setval('event.log_part_seq', 0);

-- Below this transaction id the log may have been pruned. A sequence for the same reason: it is set before rows go, so who
-- reads it after reading rows knows whether some had gone.
create sequence event.log_horizon_seq as bigint minvalue 0 start 0;
select setval('event.log_horizon_seq', 0);

-- Below this number, rows of the log came from another cluster, in a dump: their transaction ids mean nothing here. See
-- event.adopt_log().
create sequence event.log_start_seq as bigint minvalue 0 start 0;
select setval('event.log_start_seq', 0);

-- Where a transaction writes; made anew, rightly, with the other functions.
create function event.part_of(xid xid8) returns integer language sql volatile return 0;

create sequence event.change_seq as bigint;
select setval('event.change_seq', greatest(max(c.seq), 1), count(*) > 0) from event.change as c;

alter table event.change rename to change_0;
alter table event.change_0 drop constraint change_pkey;
alter table event.change_0 alter column seq drop identity;
alter table event.change_0 add column part integer not null default 0;

create table event.change (
  seq bigint not null default nextval('event.change_seq'),
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
  part integer not null default event.part_of(pg_current_xact_id())
) partition by list (part);
alter sequence event.change_seq owned by event.change.seq;

-- One index for all. The log is read by transaction; where one has changed a million rows of one relation, those of
-- another are found without passing them. (A primary key would have to hold the part, and be larger for it.)
create index change_xid_idx on event.change (xid, relation_id, seq);
alter table event.change attach partition event.change_0 for values in (0);

do $$
begin
  for v_part in 0 .. 7 loop
    if v_part > 0 then
      execute format('create table event.change_%1$s partition of event.change for values in (%1$s)', v_part);
    end if;
    -- Inserts only, so what vacuum does for us is to freeze and to set the visibility map: small portions, often.
    execute format('alter table event.change_%s set (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05)', v_part);
  end loop;
end;
$$;

-- What is known of the parts. Readers leave out only those that are known to be closed below what they want.
create table event.log_part (
  part integer not null,
  -- Null: it is free, and empty.
  opened_at timestamptz,
  -- Null: it is written to.
  closed_at timestamptz,
  -- No transaction from this id on has written, or will write, to it.
  end_xid xid8,
  -- When it was first seen that all transactions below end_xid had ended: whoever has read since needs nothing of it.
  over_at timestamptz,
  -- The transaction that emptied it. Until that has ended, nobody may be sent there.
  freed_xid xid8,
  constraint log_part_pkey primary key (part),
  constraint log_part_closed_check check ((closed_at is null) = (end_xid is null) and (opened_at is not null or closed_at is null))
);
insert into event.log_part (part, opened_at) select p.part, case p.part when 0 then now() end from generate_series(0, 7) as p (part);

-- How much of the log is kept: no older than max_age, and no more than max_bytes; null sets no limit. See event.retain().
create table event.retention (
  is_only boolean not null default true,
  max_age interval default '7 days',
  max_bytes bigint default 10737418240,
  constraint retention_pkey primary key (is_only),
  constraint retention_is_only_check check (is_only)
);
insert into event.retention default values;

-- The cluster that gave out the transaction ids in the log. See event.adopt_log().
create table event.log_origin (
  is_only boolean not null default true,
  system_identifier bigint not null,
  constraint log_origin_pkey primary key (is_only),
  constraint log_origin_is_only_check check (is_only)
);
insert into event.log_origin (system_identifier) select s.system_identifier from pg_control_system() as s;

-- What a client holds, it says itself when it comes back.
alter table event.subscription drop column shape;
