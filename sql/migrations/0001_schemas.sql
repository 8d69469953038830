-- Everything of Rowcast lives in these two schemas; on the tables of applications there are only triggers.
create schema if not exists meta;
create schema if not exists event;

-- Applications call functions. Each says for itself who may call it; tables are never granted.
grant usage on schema meta to public;
grant usage on schema event to public;
