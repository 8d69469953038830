-- What sessions get of the change log: one row per session and atom of change, however many of its subscriptions
-- it concerns. Of all changes not visible in "after" (null: of all) and visible in "until"; or of those that this
-- transaction made, from one sequence number to another.
--
-- "relation" is its canonical text; key and column_name are as in the log (see event.atom_id).
--
-- Rights are asked for now, the session owner's and, if there is one, the reader's: what may no longer be read, or
-- of what row security shows not all, is not delivered. Raises RC009 if some of it may have been pruned.
create or replace function event.deliveries(
  sessions uuid[], after pg_snapshot, until pg_snapshot,
  first_seq bigint default null, last_seq bigint default null, reader name default null,
  out session_id uuid, out seq bigint, out xid xid8, out at timestamptz, out place bigint, out op event.operation,
  out kind text, out relation text, out key text, out column_name text, out subscriptions text[], out data json
) returns setof record
language plpgsql stable security definer rows 100
set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan -- what is null then costs nothing
as $$
#variable_conflict use_column
declare
  v_parts constant integer[] := event.parts_from(
    case when first_seq is not null then pg_current_xact_id() else coalesce(pg_snapshot_xmin(after), '0') end);
  v_start constant bigint := pg_sequence_last_value('event.log_start_seq'::regclass);
begin
  return query
  with subscription as materialized (
    select u.session_id, u.id, u.kind, u.relation_id, u.key, u.column_name, u.since, s.owner
    from event.session as s
    join event.subscription as u on u.session_id = s.id
    where s.id = any (deliveries.sessions) and (s.expires_at is null or s.expires_at > now()) and u.definition is null
  ),
  -- Asked once for what many subscriptions have in common.
  readable as materialized (
    select d.owner, d.relation_id, d.column_name, meta.format(meta.relation_id(n.nspname, c.relname)) as relation,
      event.key_columns(t.oid) as key_columns,
      -- Null: all. What is logged is cut to these, whatever names the columns had then.
      case
        when v.owner_names is null then v.reader_names
        when v.reader_names is null then v.owner_names
        else array(select unnest(v.owner_names) intersect select unnest(v.reader_names))
      end as visible
    from (select distinct s.owner, s.relation_id, s.column_name from subscription as s) as d
    join event.tracked_relation as t on t.id = d.relation_id
    join pg_catalog.pg_class as c on c.oid = t.oid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    cross join lateral (
      select event.visible_columns(d.owner, t.oid),
        case when deliveries.reader <> d.owner then event.visible_columns(deliveries.reader, t.oid) end
      offset 0 -- asked once
    ) as v (owner_names, reader_names)
    where event.may_follow(d.owner, t.oid, d.column_name)
      and (deliveries.reader is null or deliveries.reader = d.owner or event.may_follow(deliveries.reader, t.oid, d.column_name))
  ),
  followed as materialized (
    select s.*, r.relation, r.key_columns, r.visible
    from subscription as s
    join readable as r
      on r.owner = s.owner and r.relation_id = s.relation_id and coalesce(r.column_name, '') = coalesce(s.column_name, '')
  ),
  change as materialized (
    select c.seq, c.xid, c.at, c.op, c.relation_id, c.key, c.new
    from event.change as c
    where c.part = any (v_parts) and c.seq >= v_start
      and c.relation_id = any (array(select r.relation_id from readable as r))
      and (deliveries.after is null or c.xid >= pg_snapshot_xmax(deliveries.after)
        or c.xid = any (array(select pg_snapshot_xip(deliveries.after))))
      and (deliveries.until is null or pg_visible_in_snapshot(c.xid, deliveries.until))
      and (deliveries.first_seq is null
        or c.xid = pg_current_xact_id() and c.seq between deliveries.first_seq and deliveries.last_seq)
  ),
  -- Two joins, since PostgreSQL cannot hash one whose condition has an "or".
  concerned as (
    select f.*, c.seq, c.xid, c.at, c.op, c.key as row_key, c.new
    from followed as f join change as c on c.relation_id = f.relation_id
    where f.key is null
    union all
    select f.*, c.seq, c.xid, c.at, c.op, c.key, c.new
    from followed as f join change as c on c.relation_id = f.relation_id and c.key = f.key
  ),
  atom as (
    select c.session_id, c.seq, c.xid, c.at, a.place, c.op, c.relation, c.row_key, a.column_name, c.key_columns,
      (array_agg(c.kind order by array_position(array['table', 'row', 'column', 'field'], c.kind)))[1] as kind,
      array_agg(c.id order by c.id) as ids,
      array_agg(c.column_name) as columns,
      bool_or(c.column_name is null) as is_whole,
      (array_agg(a.value))[1] as data
    from concerned as c
    cross join lateral (
      select 0, null, case when c.visible is null or c.new is null then c.new else event.pick(c.new, c.visible) end
      where c.op <> 'field_update'
      union all
      select e.place, e.key, e.value
      from json_each(case when c.op = 'field_update' then c.new end) with ordinality as e (key, value, place)
      where c.visible is null or e.key = any (c.visible)
    ) as a (place, column_name, value)
    where not pg_visible_in_snapshot(c.xid, c.since)
      and (c.op <> 'field_update' or c.column_name is null or c.column_name = a.column_name)
    group by c.session_id, c.seq, c.xid, c.at, a.place, c.op, c.relation, c.row_key, a.column_name, c.key_columns
  )
  select a.session_id, a.seq, a.xid, a.at, a.place, a.op, a.kind, a.relation, a.row_key, a.column_name, a.ids,
    case when a.op = 'row_insert' and not a.is_whole then event.pick(a.data, a.key_columns || a.columns) else a.data end
  from atom as a;

  -- After reading: see event.log_horizon().
  if first_seq is null and event.is_expired(sessions, after) then
    raise exception using errcode = 'RC009', message = 'some of what was read has just been pruned from the change log',
      hint = 'Read event.inbox() again.';
  end if;
end;
$$;

revoke execute on function event.deliveries(uuid[], pg_snapshot, pg_snapshot, bigint, bigint, name) from public;
