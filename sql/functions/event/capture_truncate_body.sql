-- The part of event.capture_function() that logs what truncate is about to remove. Truncate tells each partition of its
-- own, so each logs its own rows; made anew each time, because it names the table, and tables get renamed.
create or replace function event.capture_truncate_body(relation_id integer) returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select format($sql$
  begin
    v_sql := event.capture_sql_now(%1$s, 'truncate', null, null, tg_relid);
    if v_sql is not null then
      v_settings := event.pin_settings(%1$s);
      execute v_sql;
      get diagnostics v_count = row_count;
      perform event.restore_settings(v_settings);
    end if;
  exception when others then
    raise warning 'Rowcast could not capture truncate of %%: %%', tg_relid::regclass, sqlerrm
      using hint = 'Its followers miss this change.';
  end;
$sql$, capture_truncate_body.relation_id);
$$;

revoke execute on function event.capture_truncate_body(integer) from public;
