-- Which release brought these schemas up to date: a server whose user may not do that itself finds out whether it can go on.
create table event.installation (
  is_only boolean not null default true,
  release text not null,
  -- Of the SQL that was applied.
  digest text not null,
  constraint installation_pkey primary key (is_only),
  constraint installation_is_only_check check (is_only)
);
