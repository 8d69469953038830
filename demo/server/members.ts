import type { ClientBase } from 'pg'
import * as v from 'valibot'
import { ApiError, channelNotFound } from './api-error.ts'
import { id, parse } from './parse.ts'
import type { SignedInCall } from './routes.ts'
import { transaction } from './transaction.ts'

const memberSchema = v.object({ userId: id })

/** Lets somebody into a private channel; harmless if they are in it. All that was written is new to them. */
export async function inviteMember({ pool, user, id: channelId, body }: SignedInCall): Promise<null> {
  const { userId } = parse(memberSchema, body)
  return await transaction(pool, async (client) => {
    await lockOwnChannel(client, channelId, user.id)
    const { rows } = await client.query(
      'select from public.chat_user where id = $1 and not is_system for key share',
      [userId],
    )
    if (rows.length === 0) throw new ApiError(404, 'person_not_found', 'Nobody here has this name.')
    await client.query(
      'insert into public.membership (channel_id, user_id) values ($1, $2) on conflict do nothing',
      [channelId, userId],
    )
    return null
  })
}

/** Takes somebody out of a private channel; harmless if they are not in it. */
export async function removeMember({ pool, user, id: channelId, body }: SignedInCall): Promise<null> {
  const { userId } = parse(memberSchema, body)
  if (userId === user.id) throw new ApiError(400, 'invalid_request', 'To go yourself, leave the channel.')
  return await transaction(pool, async (client) => {
    await lockOwnChannel(client, channelId, user.id)
    await deleteMembership(client, channelId, userId)
    return null
  })
}

/**
 * Takes the person out of a private channel. An owner who goes hands it on to whoever has been in it longest;
 * when the last one goes, the channel goes too, since nobody could ever see it again.
 */
export async function leaveChannel({ pool, user, id: channelId }: SignedInCall): Promise<null> {
  return await transaction(pool, async (client) => {
    await lockChannel(client, channelId, user.id)
    await deleteMembership(client, channelId, user.id)
    const { rows } = await client.query<{ id: number }>(
      'select user_id as id from public.membership where channel_id = $1 order by joined_at, user_id limit 1',
      [channelId],
    )
    if (rows[0])
      await client.query('update public.channel set owner_id = $3 where id = $1 and owner_id = $2', [
        channelId,
        user.id,
        rows[0].id,
      ])
    else await client.query('delete from public.channel where id = $1', [channelId])
    return null
  })
}

/**
 * The channel's comings and goings take turns: of two that leave at once, one is the last.
 *
 * @returns its owner
 */
async function lockChannel(client: ClientBase, channelId: number, userId: number): Promise<number | null> {
  const { rows } = await client.query<{ ownerId: number | null }>(
    'select owner_id as "ownerId" from public.channel where id = $1 and is_private for no key update',
    [channelId],
  )
  // Asked after the lock has been had: it may have been waited for.
  const member = await client.query('select from public.membership where channel_id = $1 and user_id = $2', [
    channelId,
    userId,
  ])
  if (!rows[0] || member.rows.length === 0) throw channelNotFound()
  return rows[0].ownerId
}

async function lockOwnChannel(client: ClientBase, channelId: number, userId: number): Promise<void> {
  const ownerId = await lockChannel(client, channelId, userId)
  if (ownerId !== userId)
    throw new ApiError(403, 'not_the_owner', 'Only its owner can invite people to a channel and remove them.')
}

async function deleteMembership(client: ClientBase, channelId: number, userId: number): Promise<void> {
  await client.query('delete from public.membership where channel_id = $1 and user_id = $2', [
    channelId,
    userId,
  ])
}
