-- Says how much of the change log is kept: what is older than max_age goes, and the oldest while all of it takes more than
-- max_bytes. Null: no such limit. Whoever comes back within max_age, and what was written since takes less than max_bytes,
-- gets what he missed; later, he is told and begins anew.
--
-- It goes by parts, an eighth of it at a time, when event.tend_log() is called.
create or replace function event.retain(max_age interval, max_bytes bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if max_age < interval '1 minute' then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('the change log must be kept for at least a minute, not for %s', max_age),
      hint = 'Null keeps it for ever.';
  end if;
  if max_age > interval '1000 years' then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('%s is longer than the change log can be kept by age', max_age), hint = 'Null keeps it for ever.';
  end if;
  if max_bytes < 1048576 then
    raise exception using errcode = 'invalid_parameter_value',
      message = format('the change log must be allowed at least 1 MB (1048576 bytes), not %s bytes', max_bytes),
      hint = 'Null sets no limit.';
  end if;
  update event.retention as r set max_age = retain.max_age, max_bytes = retain.max_bytes;
end;
$$;

revoke execute on function event.retain(interval, bigint) from public;
