-- A transition table as a source for SQL, with its virtual generated columns computed.
create or replace function event.transition_source(relation regclass, source text, names text[] default null, types oid[] default null)
returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select format('(select %s from %s)',
        string_agg(
          case when c.computed_from is null then quote_ident(c.name) else format('%s as %I', c.computed_from, c.name) end,
          ', ' order by c.place),
        transition_source.source)
      from event.relation_columns(transition_source.relation, transition_source.names, transition_source.types) as c
      having bool_or(c.computed_from is not null)
    ),
    transition_source.source);
$$;

revoke execute on function event.transition_source(regclass, text, text[], oid[]) from public;
