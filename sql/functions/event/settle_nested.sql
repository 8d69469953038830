-- Puts the changes of statements that ran inside a statement (fired by its triggers) after those of the statement itself:
-- they were captured before it, because capture comes at the end of a statement.
create or replace function event.settle_nested(relation_id integer, count bigint) returns void
language plpgsql set search_path = ''
as $$
begin
end;
$$;

revoke execute on function event.settle_nested(integer, bigint) from public;
