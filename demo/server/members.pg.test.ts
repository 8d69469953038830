import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { createTestDatabase } from '../../test/database.ts'
import { createChannel, joinChannel } from './channels.ts'
import { inviteMember, leaveChannel, removeMember } from './members.ts'
import { deleteMessage, editMessage, sendMessage } from './messages.ts'
import type { SignedInCall } from './routes.ts'
import { setupChat } from './setup.ts'
import type { User } from './token.ts'

const secret = new Uint8Array(32)

/** A chat with Ada, Ben and Cleo, and the private channel #plans, which is Ada's. */
async function startPlans() {
  const database = await createTestDatabase()
  const client = await database.connect()
  await setupChat(client)
  const pool = new pg.Pool({ connectionString: database.url })
  // The database goes while its connections are still closing.
  pool.on('error', () => undefined)
  onTestFinished(async () => {
    await pool.end()
    await database[Symbol.asyncDispose]()
  })
  const { rows } = await client.query<User>(
    `insert into chat_user (name) values ('Ada'), ('Ben'), ('Cleo') returning id, name`,
  )
  const [ada, ben, cleo] = rows as [User, User, User]
  const as = (user: User, id = 0, body: unknown = undefined): SignedInCall => ({
    pool,
    secret,
    user,
    id,
    body,
  })
  const { id: plans } = await createChannel(as(ada, 0, { name: 'plans', isPrivate: true }))
  return {
    ada,
    ben,
    cleo,
    plans,
    as,
    async members() {
      const { rows } = await client.query<{ name: string }>(
        'select u.name from channel_member join chat_user as u on u.id = user_id where channel_id = $1 order by 1',
        [plans],
      )
      return rows.map(({ name }) => name)
    },
    async owner() {
      const { rows } = await client.query<{ name: string | null }>(
        'select u.name from channel as c left join chat_user as u on u.id = c.owner_id where c.id = $1',
        [plans],
      )
      return rows[0]?.name
    },
  }
}

const refused = (code: string) => expect.objectContaining({ code }) as unknown

test('the owner of a private channel invites and removes; nobody else does', async () => {
  const { ada, ben, cleo, plans, as, members } = await startPlans()
  await inviteMember(as(ada, plans, { userId: ben.id }))
  await inviteMember(as(ada, plans, { userId: ben.id }))
  expect(await members()).toEqual(['Ada', 'Ben'])

  await expect(inviteMember(as(ben, plans, { userId: cleo.id }))).rejects.toEqual(refused('not_the_owner'))
  await expect(removeMember(as(ben, plans, { userId: ada.id }))).rejects.toEqual(refused('not_the_owner'))
  await expect(inviteMember(as(cleo, plans, { userId: cleo.id }))).rejects.toEqual(
    refused('channel_not_found'),
  )
  await expect(inviteMember(as(ada, plans, { userId: 2_000_000 }))).rejects.toEqual(
    refused('person_not_found'),
  )
  await expect(removeMember(as(ada, plans, { userId: ada.id }))).rejects.toEqual(refused('invalid_request'))

  await removeMember(as(ada, plans, { userId: ben.id }))
  expect(await members()).toEqual(['Ada'])
})

test('to who is not in it, a private channel is one that does not exist', async () => {
  const { ada, ben, plans, as, members } = await startPlans()
  const { id } = await sendMessage(as(ada, 0, { channelId: plans, body: 'the plan' }))
  await expect(joinChannel(as(ben, plans))).rejects.toEqual(refused('channel_not_found'))
  await expect(leaveChannel(as(ben, plans))).rejects.toEqual(refused('channel_not_found'))
  await expect(sendMessage(as(ben, 0, { channelId: plans, body: 'hello' }))).rejects.toEqual(
    refused('channel_not_found'),
  )
  await expect(editMessage(as(ben, id, { body: 'hello' }))).rejects.toEqual(refused('message_not_found'))
  await expect(deleteMessage(as(ben, id))).rejects.toEqual(refused('message_not_found'))
  expect(await members()).toEqual(['Ada'])

  // Nor does its name tell: it is free for a public channel.
  await createChannel(as(ben, 0, { name: 'plans' }))
  await expect(createChannel(as(ben, 0, { name: 'plans' }))).rejects.toEqual(refused('channel_exists'))
})

test('who has been removed changes nothing of what they wrote', async () => {
  const { ada, ben, plans, as } = await startPlans()
  await inviteMember(as(ada, plans, { userId: ben.id }))
  const { id } = await sendMessage(as(ben, 0, { channelId: plans, body: 'mine' }))
  await removeMember(as(ada, plans, { userId: ben.id }))
  await expect(editMessage(as(ben, id, { body: 'changed' }))).rejects.toEqual(refused('message_not_found'))
  await expect(deleteMessage(as(ben, id))).rejects.toEqual(refused('message_not_found'))
  await inviteMember(as(ada, plans, { userId: ben.id }))
  await expect(editMessage(as(ben, id, { body: 'changed' }))).resolves.toBeNull()
})

test('an owner who leaves hands the channel on, and the last one takes it along', async () => {
  const { ada, ben, cleo, plans, as, members, owner } = await startPlans()
  await inviteMember(as(ada, plans, { userId: cleo.id }))
  await inviteMember(as(ada, plans, { userId: ben.id }))
  await leaveChannel(as(ada, plans))
  expect([await members(), await owner()]).toEqual([['Ben', 'Cleo'], 'Cleo'])

  // Of two who leave at once, one is the last.
  await Promise.all([leaveChannel(as(ben, plans)), leaveChannel(as(cleo, plans))])
  expect(await owner()).toBeUndefined()
})

test('nobody leaves a public channel, or is invited to one or removed: it is open to all', async () => {
  const { ada, ben, as } = await startPlans()
  const { id } = await createChannel(as(ada, 0, { name: 'open' }))
  await expect(leaveChannel(as(ada, id))).rejects.toEqual(refused('channel_not_found'))
  const removing = removeMember(as(ada, id, { userId: ben.id }))
  await expect(removing).rejects.toEqual(refused('channel_not_found'))
})
