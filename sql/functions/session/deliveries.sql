-- What sessions get of the change log: one row per session and atom of change, however many of its subscriptions
-- it concerns. Of all changes not visible in "after" (null: of all) and visible in "until"; or of those that this
-- transaction made, from one sequence number to another.
--
-- Rights are asked for now, the session owner's and, if there is one, the reader's: what may no longer be read
-- is not delivered.
create or replace function event.deliveries(
  sessions uuid[], after pg_snapshot, until pg_snapshot,
  first_seq bigint default null, last_seq bigint default null, reader name default null,
  out session_id uuid, out seq bigint, out xid xid8, out at timestamptz, out place bigint, out op event.operation,
  out kind text, out relation text, out id text, out subscriptions text[], out data json
) returns setof record
language plpgsql stable security definer rows 100
set search_path = '' set plan_cache_mode = force_custom_plan -- what is null then costs nothing
as $$
#variable_conflict use_column
begin
  return query
  with followed as materialized (
    select u.session_id, u.id, u.kind, u.relation_id, u.key, u.column_name, u.since, n.nspname::text, c.relname::text,
      event.key_columns(t.oid) as key_columns
    from event.session as s
    join event.subscription as u on u.session_id = s.id
    join event.tracked_relation as t on t.id = u.relation_id
    join pg_catalog.pg_class as c on c.oid = t.oid
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where s.id = any (deliveries.sessions) and (s.expires_at is null or s.expires_at > now())
      and u.definition is null and not c.relrowsecurity
      and event.may_read(s.owner, t.oid, u.column_name)
      and (deliveries.reader is null or event.may_read(deliveries.reader, t.oid, u.column_name))
  )
  select d.session_id, d.seq, d.xid, d.at, d.place, d.op, d.kind,
    meta.format(meta.relation_id(d.nspname, d.relname)),
    case d.op when 'field_update' then meta.format(meta.field_id(d.nspname, d.relname, d.key::jsonb, d.column_name))
              else meta.format(meta.row_id(d.nspname, d.relname, d.key::jsonb)) end,
    d.ids,
    case when d.op = 'row_insert' and not d.is_whole then event.pick(d.data, d.key_columns || d.columns) else d.data end
  from (
    select f.session_id, c.seq, c.xid, c.at, a.place, c.op, f.nspname, f.relname, c.key, a.column_name, f.key_columns,
      (array_agg(f.kind order by array_position(array['table', 'row', 'column', 'field'], f.kind)))[1] as kind,
      array_agg(f.id order by f.id) as ids,
      array_agg(f.column_name) as columns,
      bool_or(f.column_name is null) as is_whole,
      (array_agg(a.value))[1] as data
    from followed as f
    join event.change as c on c.relation_id = f.relation_id and (f.key is null or f.key = c.key)
    cross join lateral (
      select 0, null, c.new where c.op <> 'field_update'
      union all
      select e.place, e.key, e.value
      from json_each(case when c.op = 'field_update' then c.new end) with ordinality as e (key, value, place)
    ) as a (place, column_name, value)
    where (deliveries.after is null or c.xid >= pg_snapshot_xmax(deliveries.after)
        or c.xid = any (array(select pg_snapshot_xip(deliveries.after))))
      and (deliveries.until is null or pg_visible_in_snapshot(c.xid, deliveries.until))
      and (deliveries.first_seq is null
        or c.xid = pg_current_xact_id() and c.seq between deliveries.first_seq and deliveries.last_seq)
      and not pg_visible_in_snapshot(c.xid, f.since)
      and (c.op <> 'field_update' or f.column_name is null or f.column_name = a.column_name)
    group by f.session_id, c.seq, c.xid, c.at, a.place, c.op, f.nspname, f.relname, c.key, a.column_name, f.key_columns
  ) as d;
end;
$$;

revoke execute on function event.deliveries(uuid[], pg_snapshot, pg_snapshot, bigint, bigint, name) from public;
