-- Undoes event.pin_settings().
create or replace function event.restore_settings(settings text[]) returns void
language plpgsql volatile
as $$
begin
  for i in 1 .. cardinality(restore_settings.settings) by 2 loop
    perform set_config(restore_settings.settings[i], restore_settings.settings[i + 1], true);
  end loop;
end;
$$;

revoke execute on function event.restore_settings(text[]) from public;
