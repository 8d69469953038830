import { jwtVerify, SignJWT } from 'jose'
import * as v from 'valibot'
import { ApiError } from './api-error.ts'

export interface User {
  readonly id: number
  readonly name: string
}

/** Who a good token speaks for, and until when. */
export interface SignedIn {
  readonly user: User
  readonly expiresAt: number
}

const claims = { issuer: 'rowcast-chat', audience: 'rowcast-chat' }
const payloadSchema = v.object({
  sub: v.pipe(v.string(), v.regex(/^\d+$/)),
  name: v.string(),
  exp: v.number(),
})

/** Says who somebody is for 30 days. There is no password yet, so a token proves only that its holder picked the name. */
export async function signToken(secret: Uint8Array, user: User): Promise<string> {
  return await new SignJWT({ name: user.name })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(String(user.id))
    .setIssuer(claims.issuer)
    .setAudience(claims.audience)
    .setIssuedAt()
    .setExpirationTime('30d')
    .sign(secret)
}

/** @throws {ApiError} `unauthenticated` unless the token is ours and still good. */
export async function verifyToken(secret: Uint8Array, token: unknown): Promise<SignedIn> {
  if (typeof token !== 'string' || token === '') throw new ApiError(401, 'unauthenticated', 'Sign in first.')
  try {
    const { payload } = await jwtVerify(token, secret, { ...claims, algorithms: ['HS256'] })
    const { sub, name, exp } = v.parse(payloadSchema, payload)
    return { user: { id: Number(sub), name }, expiresAt: exp * 1000 }
  } catch {
    throw new ApiError(401, 'unauthenticated', 'Your sign-in has expired. Please sign in again.')
  }
}
