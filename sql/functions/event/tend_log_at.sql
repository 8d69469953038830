-- What event.tend_log() does, at this time.
create or replace function event.tend_log_at(at timestamptz) returns table (did text, part integer, bytes bigint, reason text)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_parts constant integer := 8;
  -- So long since the last that wrote to a part has ended, those who follow live have read on.
  v_grace constant interval := '10 seconds';
  v_retention event.retention;
  v_place bigint;
  v_open event.log_part;
  v_oldest event.log_part;
  v_total bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = 'feature_not_supported',
      message = 'event.tend_log() must see what happens meanwhile: call it in a read committed transaction';
  end if;
  if not pg_try_advisory_xact_lock(event.tend_key()) then
    return;
  end if;
  perform event.epoch(); -- adopts a log that came in a dump
  select r.* into strict v_retention from event.retention as r;

  -- Somebody was cut off while he opened a part.
  v_place := pg_sequence_last_value('event.log_part_seq'::regclass);
  if v_place & 8 <> 0
    or (select array_agg(p.part) from event.log_part as p where p.opened_at is not null and p.closed_at is null)
      is distinct from array[(v_place & 7)::integer]
  then
    perform event.open_part((v_place & 7)::integer, at);
  end if;

  -- A clock that was ahead must not keep things for longer.
  update event.log_part as p
  set opened_at = case when p.opened_at > at then at else p.opened_at end,
    closed_at = case when p.closed_at > at then at else p.closed_at end,
    over_at = case when p.over_at > at then at else p.over_at end
  where greatest(p.opened_at, p.closed_at, p.over_at) > at;

  update event.log_part as p set over_at = at
  where p.over_at is null and p.end_xid <= pg_snapshot_xmin(pg_current_snapshot());
  if exists (select from event.log_part as p where p.closed_at is not null and p.over_at is null) then
    perform pg_current_xact_id(); -- where nobody writes, ids must go on all the same
  end if;

  v_total := (select sum(event.log_part_bytes(n)) from generate_series(0, v_parts - 1) as n);
  loop
    select p.* into v_oldest from event.log_part as p where p.closed_at is not null order by p.end_xid, p.closed_at limit 1;
    reason := case
      when v_oldest.over_at <= at - v_retention.max_age then 'age'
      when v_oldest.over_at <= at - v_grace and v_total > v_retention.max_bytes then 'size'
    end;
    exit when reason is null;
    part := v_oldest.part;
    bytes := event.log_part_bytes(part);
    did := case when event.empty_part(part) then 'emptied' else 'in use' end;
    return next;
    exit when did = 'in use'; -- another time
    v_total := v_total - bytes;
  end loop;

  select p.* into strict v_open from event.log_part as p where p.opened_at is not null and p.closed_at is null;
  bytes := event.log_part_bytes(v_open.part);
  reason := case
    when pg_relation_size(format('event.change_%s', v_open.part)::regclass) = 0 then null
    when v_open.opened_at <= at - v_retention.max_age / (v_parts - 1) then 'age'
    when bytes >= v_retention.max_bytes / v_parts then 'size'
  end;
  part := (v_open.part + 1) % v_parts;
  -- Who writes must not wait for the part to be emptied by a transaction that has not ended: this one.
  if reason is not null and exists (
    select from event.log_part as p
    where p.part = tend_log_at.part and p.opened_at is null and (p.freed_xid = pg_current_xact_id_if_assigned()) is not true
  ) then
    perform event.open_part(part, at);
    did := 'opened';
    return next;
  end if;
end;
$$;

revoke execute on function event.tend_log_at(timestamptz) from public;
