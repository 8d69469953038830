import * as v from 'valibot'
import { limits } from '../limits.ts'
import { ApiError, channelNotFound } from './api-error.ts'
import { id, parse } from './parse.ts'
import type { SignedInCall } from './routes.ts'

const channelSchema = v.object({
  name: v.pipe(
    v.string('Please enter a channel name.'),
    v.minLength(1, 'Please enter a channel name.'),
    v.check(
      (name) => [...name].length <= limits.channelNameLength,
      `A channel name has at most ${limits.channelNameLength} characters.`,
    ),
    v.regex(
      /^[\p{Ll}\p{Lo}\p{N}]+(-[\p{Ll}\p{Lo}\p{N}]+)*$/u,
      'A channel name has lower-case letters, digits and single hyphens.',
    ),
  ),
  topic: v.optional(
    v.pipe(
      v.string(),
      v.trim(),
      v.maxLength(limits.topicLength, `A topic has at most ${limits.topicLength} characters.`),
    ),
    '',
  ),
  isPrivate: v.optional(v.boolean(), false),
})

/** Creates a channel; whoever creates it is in it, in the same transaction, and owns it. */
export async function createChannel({ pool, user, body }: SignedInCall): Promise<{ id: number }> {
  const { name, topic, isPrivate } = parse(channelSchema, body)
  const { rows } = await pool.query<{ id: number }>(
    `with created as (
       insert into public.channel (name, topic, is_private, owner_id) values ($1, $2, $3, $4)
       on conflict (name) where not is_private do nothing
       returning id
     ), joined as (
       insert into public.membership (channel_id, user_id) select created.id, $4 from created
     )
     select created.id from created`,
    [name, topic, isPrivate, user.id],
  )
  if (!rows[0]) throw new ApiError(409, 'channel_exists', `There is a channel #${name} already.`)
  return rows[0]
}

/**
 * Makes the person a member of a public channel; harmless if they are one. What was written before counts
 * as read. A private channel is joined by invitation: who is not in it cannot tell it from one that is not there.
 */
export async function joinChannel({ pool, user, id }: SignedInCall): Promise<null> {
  const { rows } = await pool.query(
    `with joined as (
       insert into public.membership (channel_id, user_id, last_read_message_id)
       select c.id, $2, coalesce((select max(m.id) from public.message as m where m.channel_id = c.id), 0)
       from public.channel as c where c.id = $1 and not c.is_private
       on conflict do nothing
     )
     select from public.channel as c
     where c.id = $1 and (
       not c.is_private
       or exists (select from public.membership as m where m.channel_id = c.id and m.user_id = $2)
     )`,
    [id, user.id],
  )
  if (rows.length === 0) throw channelNotFound()
  return null
}

const readSchema = v.object({ messageId: id })

/** Moves the person's mark forward, never back: two tabs may report in any order. */
export async function markRead({ pool, user, id, body }: SignedInCall): Promise<null> {
  const { messageId } = parse(readSchema, body)
  await pool.query(
    `update public.membership set last_read_message_id = $3
     where channel_id = $1 and user_id = $2 and last_read_message_id < $3`,
    [id, user.id, messageId],
  )
  return null
}
