/** Users are numbered from 1 and talk in channels of 20, one channel each; the bench knows by that who may see what. */
export const usersPerChannel = 20
/** At first: the former half is updated from time to time, the latter half deleted bit by bit. */
export const messagesPerChannel = 30

export function channelOf(user: number): number {
  return Math.ceil(user / usersPerChannel)
}

export function channelOfFirstMessage(id: number): number {
  return Math.ceil(id / messagesPerChannel)
}

/** Of every body: the number of the change that wrote it. */
export function changeIn(body: string): number {
  return Number.parseInt(body, 10)
}

/** What a message says: the number of the change that wrote it, and as much text as a message has. */
export function bodyOf(change: number): string {
  return `${change} ${'to be or not to be, that is the question. '.repeat(2)}`
}

/** What a member may see is decided by a membership policy, as apps write it. */
export const policy = `channel_id in (select channel_id from member
  where user_id = (current_setting('request.jwt.claims', true)::json ->> 'sub')::int)`

/** The tables, their rows and the policy, which is for a group that the clients' role is a member of. */
export function setupSql(role: string, group: string, channels: number): string {
  return `
    create table channel (id int primary key, name text not null);
    create table member (
      channel_id int not null references channel,
      user_id int not null,
      primary key (channel_id, user_id)
    );
    create index on member (user_id);
    create table message (
      id int primary key,
      channel_id int not null references channel,
      author int not null,
      body text not null,
      at timestamptz not null default now()
    );
    create index on message (channel_id);
    insert into channel select n, 'channel ' || n from generate_series(1, ${channels}) as n;
    insert into member select (n - 1) / ${usersPerChannel} + 1, n
      from generate_series(1, ${channels * usersPerChannel}) as n;
    insert into message select n, (n - 1) / ${messagesPerChannel} + 1, n, '${bodyOf(0)}'
      from generate_series(1, ${channels * messagesPerChannel}) as n;
    grant select on channel, member, message to ${role};
    alter table message enable row level security;
    create policy message_of_member on message for select to ${group} using (${policy});
    select event.track(name) from unnest(array['channel', 'member', 'message']) as name;
    analyze`
}
