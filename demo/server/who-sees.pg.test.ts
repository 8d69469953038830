import type { ClientBase } from 'pg'
import { expect, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { setupChat } from './setup.ts'

/** A chat with the private channel #plans, whose members are given. */
async function setupPlans(client: ClientBase, ...members: readonly string[]): Promise<void> {
  await setupChat(client)
  await client.query(`insert into chat_user (name) values ('Ada'), ('Ben'), ('Cleo')`)
  await client.query(`insert into channel (name, is_private) values ('plans', true)`)
  await client.query(`${join} where u.name = any ($1)`, [members])
  await client.query(
    `insert into message (channel_id, author_id, body)
     select c.id, u.id, 'the plan' from channel as c, chat_user as u where c.name = 'plans' and u.name = 'Ada'`,
  )
}

const join = `
  insert into membership (channel_id, user_id)
  select c.id, u.id from chat_user as u join channel as c on c.name = 'plans'`

/** What one sees of #plans, as the page reads. */
async function seenBy(client: ClientBase, name: string | null) {
  const { rows: people } = await client.query<{ id: number }>('select id from chat_user where name = $1', [
    name,
  ])
  const select = async (sql: string) =>
    (await client.query<{ value: string }>(sql)).rows.map(({ value }) => value)
  await client.query('begin')
  try {
    await client.query('set local role chat_reader')
    if (people[0])
      await client.query(`select set_config('request.jwt.claims', $1, true)`, [
        JSON.stringify({ sub: String(people[0].id), name }),
      ])
    return {
      channels: await select(`select name as value from channel where name = 'plans'`),
      messages: await select(`select body as value from message where body = 'the plan'`),
      members: await select(
        `select u.name as value from channel_member join chat_user as u on u.id = user_id
         where channel_id = (select max(c.id) from channel as c where c.is_private) order by 1`,
      ),
    }
  } finally {
    await client.query('rollback')
  }
}

const nothing = { channels: [], messages: [], members: [] }

test('a private channel, its messages and its members are there for its members alone', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await setupPlans(client, 'Ada', 'Ben')
  const all = { channels: ['plans'], messages: ['the plan'], members: ['Ada', 'Ben'] }
  expect(await seenBy(client, 'Ada')).toEqual(all)
  expect(await seenBy(client, 'Ben')).toEqual(all)
  expect(await seenBy(client, 'Cleo')).toEqual(nothing)
  expect(await seenBy(client, null)).toEqual(nothing)
})

test('membership decides: who is let in sees all there was, who is taken out sees nothing any more', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await setupPlans(client, 'Ada')
  await client.query(`${join} where u.name = 'Cleo'`)
  expect(await seenBy(client, 'Cleo')).toEqual({
    channels: ['plans'],
    messages: ['the plan'],
    members: ['Ada', 'Cleo'],
  })
  await client.query(`delete from membership where user_id = (select id from chat_user where name = 'Cleo')`)
  expect(await seenBy(client, 'Cleo')).toEqual(nothing)
  expect((await seenBy(client, 'Ada')).members).toEqual(['Ada'])
})

test('a channel that becomes private leaves the sight of those who are not in it, and comes back', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await setupPlans(client, 'Ada')
  await client.query(`update channel set is_private = false where name = 'plans'`)
  expect(await seenBy(client, 'Cleo')).toMatchObject({ channels: ['plans'], messages: ['the plan'] })
  await client.query(`update channel set is_private = true where name = 'plans'`)
  expect(await seenBy(client, 'Cleo')).toEqual(nothing)
})

test('how far somebody has read is for themselves alone, also in a public channel', async () => {
  await using database = await createTestDatabase()
  const client = await database.connect()
  await setupPlans(client, 'Ada', 'Ben')
  await client.query('begin')
  await client.query('set local role chat_reader')
  await client.query(
    `select set_config('request.jwt.claims', json_build_object('sub', id::text)::text, true)
     from chat_user where name = 'Ada'`,
  )
  const { rows } = await client.query(
    'select distinct u.name from membership join chat_user as u on u.id = user_id',
  )
  expect(rows).toEqual([{ name: 'Ada' }])
  await client.query('rollback')
})
