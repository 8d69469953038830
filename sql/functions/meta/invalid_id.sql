-- Raises RC008: what was given is no identifier of this kind.
create or replace function meta.invalid_id(kind text, given text) returns void
language plpgsql immutable parallel safe
as $$
begin
  raise exception using errcode = 'RC008', message = format('not a %s id: %s', kind, coalesce(given, 'null')),
    hint = 'Write public.person, public.person.name, public.person.3 or public.person.3.name; put into double quotes what is not lower case, digits and _.';
end;
$$;
