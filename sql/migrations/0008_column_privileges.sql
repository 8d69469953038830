-- The columns that event.track() was told to leave out.
create table event.excepted_column (
  relation_id integer not null,
  -- As event.track() was told, and as the triggers say: they prove that the relation's owner wants it.
  asked text not null,
  -- Its number in the table with this oid: it is found by that when it has been renamed.
  number smallint not null,
  table_oid oid not null,
  -- Its name when the capture functions were last made: it is found by that where the table came here in a dump.
  name text not null,
  constraint excepted_column_pkey primary key (relation_id, asked),
  constraint excepted_column_relation_fkey foreign key (relation_id) references event.tracked_relation (id) on delete cascade
);

-- These have got a parameter, or a column of their answer. (A new database has none yet: functions come after the migrations.)
drop function if exists event.track(regclass);
drop function if exists event.relation_columns(regclass, text[], oid[]);
drop function if exists event.row_columns(regclass, text, text[], oid[]);
drop function if exists event.row_expression(regclass, text);
