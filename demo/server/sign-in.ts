import type { Pool } from 'pg'
import * as v from 'valibot'
import { limits } from '../limits.ts'
import { ApiError } from './api-error.ts'
import { parse } from './parse.ts'
import type { ApiCall, SignedInCall } from './routes.ts'
import { signToken, type User } from './token.ts'

const signInSchema = v.object({
  name: v.pipe(
    v.string('Please enter a name.'),
    v.transform((name) => name.normalize('NFC').trim().replace(/\s+/gu, ' ')),
    v.minLength(1, 'Please enter a name.'),
    v.check(
      (name) => [...name].length <= limits.userNameLength,
      `A name has at most ${limits.userNameLength} characters.`,
    ),
    v.regex(/^\P{C}+$/u, 'This name has characters that cannot be shown.'),
  ),
})

/** Signs in under a name, and makes the person known if nobody had it. Upper and lower case are one name. */
export async function signIn({ pool, secret, body }: ApiCall): Promise<{ token: string; user: User }> {
  const { name } = parse(signInSchema, body)
  const found = (await findUser(pool, name)) ?? (await createUser(pool, name))
  if (found.is_system)
    throw new ApiError(409, 'name_reserved', `The name “${name}” is taken. Please pick another.`)
  const user = { id: found.id, name: found.name }
  return { token: await signToken(secret, user), user }
}

/** Whether the token's person still exists: the database may have been made anew since it was signed. */
export async function me({ pool, user }: SignedInCall): Promise<User> {
  const { rows } = await pool.query<User>(
    'select id, name from public.chat_user where id = $1 and name = $2',
    [user.id, user.name],
  )
  if (!rows[0])
    throw new ApiError(401, 'unauthenticated', 'This chat no longer knows you. Please sign in again.')
  return rows[0]
}

type UserRow = User & { readonly is_system: boolean }

async function findUser(pool: Pool, name: string): Promise<UserRow | undefined> {
  const sql = 'select id, name, is_system from public.chat_user where lower(name) = lower($1)'
  return (await pool.query<UserRow>(sql, [name])).rows[0]
}

async function createUser(pool: Pool, name: string): Promise<UserRow> {
  const { rows } = await pool.query<UserRow>(
    `insert into public.chat_user (name) values ($1) on conflict (lower(name)) do nothing returning id, name, is_system`,
    [name],
  )
  const user = rows[0] ?? (await findUser(pool, name)) // somebody else picked it a moment ago
  if (!user) throw new Error(`the user ${JSON.stringify(name)} vanished while signing in`)
  return user
}
