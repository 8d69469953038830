-- Does a row have these values in these fields?
create or replace function event.has_fields("row" json, fields json) returns boolean
language sql immutable set search_path = ''
as $$
  select not exists (
    select from json_each_text(has_fields.fields) as f (name, value)
    where f.value is distinct from has_fields."row" ->> f.name
  );
$$;

revoke execute on function event.has_fields(json, json) from public;
