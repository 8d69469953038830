-- Who makes the change: whom the application names (set local rowcast.actor = '…'), else the role in use. Inside
-- a security definer function current_user is the owner, so the role is read from what SET ROLE set.
create or replace function event.actor() returns text
language sql stable
return coalesce(
  nullif(current_setting('rowcast.actor', true), ''),
  nullif(current_setting('role'), 'none'),
  session_user
);

grant execute on function event.actor() to public;
