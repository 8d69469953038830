-- Notes a subscription, once; gives its canonical id. It concerns everything that this transaction does and
-- everything that commits after it began. No DDL and no lock on the relation: writers go on.
create or replace function event.add_subscription(session uuid, kind text, relation regclass, key text, column_name text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id text;
begin
  -- A row has fields that only a right on the whole relation may show, a field has not.
  perform event.require_subscribable(session, relation, column_name);
  select concat_ws('.', meta.format(meta.relation_id(n.nspname, c.relname)), meta.format_key(key::jsonb), meta.escape_name(column_name))
  into v_id
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where c.oid = relation;
  -- An index holds no long keys.
  v_id := case when octet_length(v_id) > 200 then kind || '#' || encode(sha256(convert_to(v_id, 'UTF8')), 'hex') else kind || ':' || v_id end;

  insert into event.subscription (session_id, id, kind, relation_id, key, column_name, since)
  select session, v_id, add_subscription.kind, t.id, add_subscription.key, add_subscription.column_name, event.current_position()
  from event.tracked_relation as t
  where t.oid = relation
  on conflict on constraint subscription_pkey do nothing;
  return v_id;
end;
$$;
