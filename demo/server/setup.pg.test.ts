import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { setupChat } from './setup.ts'

test('servers that start at once set the chat up once, and each later start leaves it as it is', async () => {
  await using database = await createTestDatabase()
  const clients = await Promise.all([1, 2, 3, 4].map(() => database.connect()))
  await Promise.all(clients.map(setupChat))

  const client = await database.connect()
  await client.query(`update message set body = 'changed'`)
  await setupChat(client)
  const { rows } = await client.query('select distinct body from message')
  expect(rows).toEqual([{ body: 'changed' }])
  const tracked = await client.query<{ name: string }>(
    'select relation_name as name from event.tracked_relation order by 1',
  )
  expect(tracked.rows.map(({ name }) => name)).toEqual([
    'channel',
    'channel_member',
    'chat_user',
    'membership',
    'message',
  ])
})

test('chats in different databases of one cluster may be set up at once', async () => {
  await using first = await createTestDatabase()
  await using second = await createTestDatabase()
  const clients = [await first.connect(), await second.connect()]
  await expect(Promise.all(clients.map(setupChat))).resolves.toBeDefined()
})

test('a chat of before there were private channels gets them, and keeps what it has', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await client.query(`
    create table public.chat_user (
      id integer generated always as identity,
      name text not null,
      is_system boolean not null default false,
      created_at timestamptz not null default now(),
      constraint chat_user_pkey primary key (id)
    );
    create table public.channel (
      id integer generated always as identity,
      name text not null,
      topic text not null default '',
      created_at timestamptz not null default now(),
      constraint channel_pkey primary key (id),
      constraint channel_name_key unique (name)
    );
    create table public.membership (
      channel_id integer not null references public.channel (id) on delete cascade,
      user_id integer not null references public.chat_user (id) on delete cascade,
      last_read_message_id integer not null default 0,
      joined_at timestamptz not null default now(),
      constraint membership_pkey primary key (channel_id, user_id)
    );
    insert into public.chat_user (name) values ('Ada');
    insert into public.channel (name) values ('general');
    insert into public.membership (channel_id, user_id) values (1, 1);
  `)
  await setupChat(client)
  await setupChat(client)
  await client.query(`insert into channel (name, is_private) values ('general', true)`)
  const channels = await client.query('select name, is_private from channel order by id')
  expect(channels.rows).toEqual([
    { name: 'general', is_private: false },
    { name: 'general', is_private: true },
  ])
  const members = await client.query('select * from channel_member')
  expect(members.rows).toEqual([{ channel_id: 1, user_id: 1 }])
})

test('a later start leaves the policies as they are', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await setupChat(client)
  const policies = 'select oid, xmin, polname from pg_policy order by oid'
  const before = await client.query(policies)
  expect(before.rows).toHaveLength(4)
  await setupChat(client)
  expect((await client.query(policies)).rows).toEqual(before.rows)
})

test('the reader sees the chat’s tables and changes nothing', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await setupChat(client)
  await client.query('set role chat_reader')
  await expect(
    client.query('select * from message, channel, chat_user, membership, channel_member'),
  ).resolves.toBeDefined()
  await expect(client.query('delete from message')).rejects.toThrow('permission denied')
  await expect(client.query('select * from event.change')).rejects.toThrow('permission denied')
})

test('a server that is no superuser sets the chat up and reads as the reader', async () => {
  await using database = await createTestDatabase()
  await using other = await createTestDatabase()
  await setupChat(await other.connect()) // the role may be there already, made by another
  const owner = await database.createRole('login')
  const client = await database.connect()
  await client.query(`grant chat_reader to ${owner}`)
  await client.query(`grant create, usage on schema public to ${owner}`)
  await client.query(`set role ${owner}`)
  await setupChat(client)
  expect((await client.query('select current_user as role')).rows).toEqual([{ role: owner }])
  await client.query('set role chat_reader')
  await expect(client.query('select * from message')).resolves.toBeDefined()
})
