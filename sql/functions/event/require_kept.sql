-- Raises RC009 if changes that this snapshot does not see may have been pruned. To be asked after reading them.
create or replace function event.require_kept(after pg_snapshot) returns void
language plpgsql volatile
as $$
begin
  if pg_snapshot_xmin(after) < event.log_horizon() then
    raise exception using errcode = 'RC009',
      message = format('position %s has expired: the change log no longer reaches back to it', after),
      hint = 'Begin anew from a snapshot. event.retain() says how long the log is kept.';
  end if;
end;
$$;

revoke execute on function event.require_kept(pg_snapshot) from public;
