-- All that the capture functions of a relation are made from: its shape, and the functions that make them. They are out of
-- date when it has changed.
create or replace function event.capture_version(relation regclass) returns text
language sql stable set search_path = ''
as $$
  select concat_ws('-', capture_version.relation::oid, event.shape(capture_version.relation), md5(string_agg(p.prosrc, '' order by p.proname)))
  from pg_proc as p
  where p.pronamespace = 'event'::regnamespace
    and p.proname in ('base_type', 'capture_body', 'capture_function', 'capture_settings', 'capture_sql', 'capture_truncate_body',
      'changed_fields', 'difference_expression', 'element_type', 'encode_expression', 'is_identity_type', 'json_casts', 'key_part',
      'key_parts', 'key_sql', 'relation_columns', 'row_columns', 'transition_source', 'type_parts');
$$;

revoke execute on function event.capture_version(regclass) from public;
