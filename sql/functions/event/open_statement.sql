-- Trigger function: notes that a statement on a tracked relation begins. Its argument names the setting that lists the
-- statements now open on the relation, the outermost first: I, U or D, and the number of the first change logged since, if
-- any. Several are open when a trigger or a function in a statement changes the same relation, and for the parts of one with
-- several commands: on conflict do update, merge, with. See event.settle().
create or replace function event.open_statement() returns trigger
language plpgsql
as $$
declare
  v_open text;
begin
  v_open := set_config(tg_argv[0], concat_ws(' ', nullif(current_setting(tg_argv[0], true), ''), left(tg_op, 1)), true);
  return null;
end;
$$;

grant execute on function event.open_statement() to public;
