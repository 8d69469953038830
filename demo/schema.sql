-- The chat's tables. Applied at every start: each statement may run again, and two servers may start at once.

-- ---- who reads ----

-- Every read of a signed-in person runs as this role. Roles belong to the whole cluster, so another
-- database's chat may be creating it at this moment: losing that race is fine.
do $$
begin
  if not exists (select from pg_catalog.pg_roles where rolname = 'chat_reader') then
    create role chat_reader nologin;
  end if;
exception
  when duplicate_object or unique_violation then null;
end;
$$;

-- The server reads with `set role`, so its own role must be a member. Tried out rather than looked up: how
-- membership allows it differs between PostgreSQL's versions.
do $$
declare
  v_role text := current_setting('role');
begin
  perform set_config('role', 'chat_reader', true);
  perform set_config('role', v_role, true);
exception
  when insufficient_privilege then
    execute format('grant chat_reader to %I', current_user);
end;
$$;

-- ---- tables ----

create table if not exists public.chat_user (
  id integer generated always as identity,
  name text not null,
  is_system boolean not null default false,
  created_at timestamptz not null default now(),
  constraint chat_user_pkey primary key (id),
  constraint chat_user_name_check check (char_length(name) between 1 and 40)
);
create unique index if not exists chat_user_name_key on public.chat_user (lower(name));

create table if not exists public.channel (
  id integer generated always as identity,
  name text not null,
  topic text not null default '',
  created_at timestamptz not null default now(),
  is_private boolean not null default false,
  owner_id integer,
  constraint channel_pkey primary key (id),
  constraint channel_owner_fkey foreign key (owner_id) references public.chat_user (id) on delete set null,
  constraint channel_name_check check (char_length(name) between 1 and 40),
  constraint channel_topic_check check (char_length(topic) <= 200)
);

create table if not exists public.message (
  id integer generated always as identity,
  channel_id integer not null,
  author_id integer not null,
  body text not null,
  created_at timestamptz not null default now(),
  edited_at timestamptz,
  constraint message_pkey primary key (id),
  constraint message_channel_fkey foreign key (channel_id) references public.channel (id) on delete cascade,
  constraint message_author_fkey foreign key (author_id) references public.chat_user (id),
  constraint message_body_check check (char_length(body) between 1 and 4000)
);
create index if not exists message_channel_idx on public.message (channel_id, id desc);

-- Who is in which channel, and how far they have read: each row is for its own person alone. The mark is no
-- foreign key: it stays where it is when the message that it names is deleted.
create table if not exists public.membership (
  channel_id integer not null,
  user_id integer not null,
  last_read_message_id integer not null default 0,
  joined_at timestamptz not null default now(),
  constraint membership_pkey primary key (channel_id, user_id),
  constraint membership_channel_fkey foreign key (channel_id) references public.channel (id) on delete cascade,
  constraint membership_user_fkey foreign key (user_id) references public.chat_user (id) on delete cascade
);
create index if not exists membership_user_idx on public.membership (user_id);

-- What a chat of before there were private channels lacks. Looked up first: also an `alter table` that finds
-- nothing to do would wait for everybody who uses the table, and make them wait.
do $$
begin
  if not exists (
    select from pg_catalog.pg_attribute where attrelid = 'public.channel'::regclass and attname = 'is_private'
  ) then
    alter table public.channel
      drop constraint channel_name_key,
      add column is_private boolean not null default false,
      add column owner_id integer,
      add constraint channel_owner_fkey
        foreign key (owner_id) references public.chat_user (id) on delete set null;
  end if;
end;
$$;
-- A private channel's name is taken for nobody else, who would learn of it by being refused.
create unique index if not exists channel_public_name_key on public.channel (name) where not is_private;

-- Who is in a channel, for all who see the channel. A table of its own, kept in step with `membership`, which
-- decides who sees what: a policy of `membership` that looked into `membership` would have no end.
create table if not exists public.channel_member (
  channel_id integer not null,
  user_id integer not null,
  constraint channel_member_pkey primary key (channel_id, user_id),
  constraint channel_member_membership_fkey foreign key (channel_id, user_id)
    references public.membership (channel_id, user_id) on delete cascade on update cascade
);

create or replace function public.list_channel_member() returns trigger
language plpgsql
as $$
begin
  insert into public.channel_member (channel_id, user_id) values (new.channel_id, new.user_id);
  return null;
end;
$$;

do $$
begin
  if not exists (
    select from pg_catalog.pg_trigger
    where tgrelid = 'public.membership'::regclass and tgname = 'membership_list_trigger'
  ) then
    create trigger membership_list_trigger after insert on public.membership
      for each row execute function public.list_channel_member();
    insert into public.channel_member (channel_id, user_id)
      select m.channel_id, m.user_id from public.membership as m on conflict do nothing;
  end if;
end;
$$;

-- ---- who sees what ----

grant select on public.chat_user, public.channel, public.message, public.membership, public.channel_member
  to chat_reader;

-- Everybody's name is for everybody; the rest as the policies say. The server, which owns the tables and checks
-- what people do, is not bound by them.
do $$
begin
  -- Once: a policy made anew at each start would have every open page asked about for nothing.
  if exists (
    select from pg_catalog.pg_policy where polrelid = 'public.channel'::regclass and polname = 'channel_read_policy'
  ) then
    return;
  end if;

  -- The person for whom a page reads, as the server's `authenticate` says it; null if nobody is signed in.
  create function public.reader_id() returns integer
  language sql stable
  as $sql$
    select (nullif(current_setting('request.jwt.claims', true), '')::json ->> 'sub')::integer
  $sql$;

  create policy membership_read_policy on public.membership for select to chat_reader
    using (user_id = public.reader_id());

  create policy channel_read_policy on public.channel for select to chat_reader
    using (
      not is_private
      or exists (
        select from public.membership as m
        where m.channel_id = channel.id and m.user_id = public.reader_id()
      )
    );

  -- Whoever sees a channel sees who is in it and what is said: its own policy holds in here too.
  create policy channel_member_read_policy on public.channel_member for select to chat_reader
    using (exists (select from public.channel as c where c.id = channel_member.channel_id));

  create policy message_read_policy on public.message for select to chat_reader
    using (exists (select from public.channel as c where c.id = message.channel_id));

  alter table public.membership enable row level security;
  alter table public.channel enable row level security;
  alter table public.channel_member enable row level security;
  alter table public.message enable row level security;
end;
$$;

-- ---- the first words ----

do $$
declare
  v_welcome integer;
  v_general integer;
  v_help integer;
begin
  if exists (select from public.chat_user) then
    return;
  end if;
  insert into public.chat_user (name, is_system) values ('Welcome', true) returning id into v_welcome;
  insert into public.channel (name, topic) values ('general', 'For everything and everyone')
    returning id into v_general;
  insert into public.channel (name, topic) values ('how-it-works', 'What happens between PostgreSQL and this page')
    returning id into v_help;
  insert into public.membership (channel_id, user_id) values (v_general, v_welcome), (v_help, v_welcome);
  insert into public.message (channel_id, author_id, body) values
    (v_general, v_welcome, 'Hello, and welcome! This is a small chat whose every word lives in PostgreSQL.'),
    (v_general, v_welcome, 'Open it in a second window, sign in under another name, and write: the message is in both at once.'),
    (v_help, v_welcome, 'Every list that you see here is a subscription to a table. Whoever changes a row, by whatever way, changes this page.'),
    (v_help, v_welcome, E'Try it with psql:\ninsert into message (channel_id, author_id, body) values (1, 1, ''Hello from SQL'');'),
    (v_help, v_welcome, 'The page “Table changes” shows what a table gained, lost and changed while you watch.');
end;
$$;

select event.track('public.chat_user');
select event.track('public.channel');
select event.track('public.message');
select event.track('public.membership');
select event.track('public.channel_member');
