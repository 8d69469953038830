import type { Pool } from 'pg'
import * as v from 'valibot'
import { limits } from '../limits.ts'
import { ApiError, channelNotFound } from './api-error.ts'
import { id, parse } from './parse.ts'
import type { SignedInCall } from './routes.ts'

const bodySchema = v.pipe(
  v.string('Please write something.'),
  v.trim(),
  v.minLength(1, 'Please write something.'),
  v.check(
    (body) => [...body].length <= limits.messageLength,
    `A message has at most ${limits.messageLength} characters.`,
  ),
  v.check((body) => !body.includes('\0'), 'This message has characters that cannot be stored.'),
)
const sendSchema = v.object({ channelId: id, body: bodySchema })
const editSchema = v.object({ body: bodySchema })

/** Sends a message to a channel that the person is in. To have written is to have read: the mark moves with it. */
export async function sendMessage({ pool, user, body: input }: SignedInCall): Promise<{ id: number }> {
  const { channelId, body } = parse(sendSchema, input)
  const { rows } = await pool.query<{ id: number }>(
    `with sent as (
       insert into public.message (channel_id, author_id, body)
       select m.channel_id, m.user_id, $3 from public.membership as m where m.channel_id = $1 and m.user_id = $2
       returning id
     ), marked as (
       update public.membership as m set last_read_message_id = greatest(m.last_read_message_id, sent.id)
       from sent where m.channel_id = $1 and m.user_id = $2
     )
     select sent.id from sent`,
    [channelId, user.id, body],
  )
  if (rows[0]) return rows[0]
  const { rowCount } = await pool.query('select from public.channel where id = $1 and not is_private', [
    channelId,
  ])
  if (!rowCount) throw channelNotFound()
  throw new ApiError(403, 'not_a_member', 'You are not in this channel.')
}

export async function editMessage({ pool, user, id, body: input }: SignedInCall): Promise<null> {
  const { body } = parse(editSchema, input)
  const { rowCount } = await pool.query(
    `update public.message as m
     set body = $3, edited_at = case when body = $3 then edited_at else now() end
     where m.id = $1 and m.author_id = $2 and ${isInSight}`,
    [id, user.id, body],
  )
  if (!rowCount) throw await whyNot(pool, id, user.id)
  return null
}

export async function deleteMessage({ pool, user, id }: SignedInCall): Promise<null> {
  const { rowCount } = await pool.query(
    `delete from public.message as m where m.id = $1 and m.author_id = $2 and ${isInSight}`,
    [id, user.id],
  )
  if (!rowCount) throw await whyNot(pool, id, user.id)
  return null
}

/** Whether the message `m` is in a channel that the person, `$2`, sees: what is out of sight stays as it is. */
const isInSight = `(
  exists (select from public.channel as c where c.id = m.channel_id and not c.is_private)
  or exists (select from public.membership as s where s.channel_id = m.channel_id and s.user_id = $2)
)`

async function whyNot(pool: Pool, id: number, userId: number): Promise<ApiError> {
  const { rowCount } = await pool.query(`select from public.message as m where m.id = $1 and ${isInSight}`, [
    id,
    userId,
  ])
  return rowCount
    ? new ApiError(403, 'not_yours', 'Only its author can change a message.')
    : new ApiError(404, 'message_not_found', 'This message has been deleted.')
}
