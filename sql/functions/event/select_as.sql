-- Runs one query as several identities of a role, one after the other: "place" says as which, from 1. Grants and row
-- security hold as if each had asked by itself, with its claims in request.jwt.claims, and names are looked up in the schema
-- public: so whatever is not part of the query names nothing there that somebody else may have made.
--
-- The query yields two texts, "key" and "row", and takes its arguments as one array: ($1)[1], ($1)[2] … It is planned
-- once: a plan that reads the claims reads them anew each time. Prepared statements are the only such plan that can be had
-- for a text, and take no parameters of a function: so the arguments go by way of a setting.
--
-- "is_replanned": it is planned for each anew. A function that is declared immutable, though it reads the claims, is evaluated
-- when the query is planned, and would give to all what is the first one's.
create or replace function event.select_as(role name, claims text[], query text, arguments text[], is_replanned boolean)
returns table (place integer, key text, "row" text)
language plpgsql
as $$
#variable_conflict use_variable
declare
  v_role text := current_setting('role');
  v_claims text := current_setting('request.jwt.claims', true);
  v_mode text := current_setting('plan_cache_mode');
  v_path text := current_setting('search_path');
  v_count integer := pg_catalog.cardinality(claims);
begin
  perform pg_catalog.set_config('rowcast.arguments', arguments::text, true);
  -- One that failed has left its statement behind.
  if exists (select from pg_catalog.pg_prepared_statements as s where s.name = 'rowcast_asked') then
    deallocate rowcast_asked;
  end if;
  if v_count > 1 then
    perform pg_catalog.set_config('plan_cache_mode', case when is_replanned then 'force_custom_plan' else 'force_generic_plan' end, true);
  end if;
  perform pg_catalog.set_config('role', select_as.role, true), pg_catalog.set_config('search_path', 'public', true);
  execute pg_catalog.concat('prepare rowcast_asked (pg_catalog.text[], pg_catalog.int4) as select $2, q.key, q."row" from (', query, ') as q');
  for place in 1 .. v_count loop
    perform pg_catalog.set_config('request.jwt.claims', claims[place], true);
    return query execute pg_catalog.concat(
      'execute rowcast_asked (pg_catalog.current_setting(''rowcast.arguments'')::pg_catalog.text[], ', place, ')');
  end loop;
  deallocate rowcast_asked;
  perform pg_catalog.set_config('plan_cache_mode', v_mode, true),
    pg_catalog.set_config('request.jwt.claims', coalesce(v_claims, ''), true),
    pg_catalog.set_config('role', v_role, true), pg_catalog.set_config('search_path', v_path, true);
end;
$$;

revoke execute on function event.select_as(name, text[], text, text[], boolean) from public;
