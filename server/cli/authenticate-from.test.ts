import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { authenticateFrom } from './authenticate-from.ts'

const secret = 'thirty-two bytes are the least that will do'
const handshake = { headers: {}, address: '', url: '' }

test('without a key in the environment there is no authenticate, whatever else is there', () => {
  expect(authenticateFrom({})).toBeUndefined()
  expect(authenticateFrom({ ROWCAST_JWT_SECRET: '', ROWCAST_ANONYMOUS_ROLE: 'anon' })).toBeUndefined()
})

test('what the environment says holds', async () => {
  const authenticate = authenticateFrom({
    ROWCAST_JWT_SECRET: secret,
    ROWCAST_JWT_AUDIENCE: 'app',
    ROWCAST_JWT_ISSUER: 'us',
    ROWCAST_JWT_ROLE_CLAIM: 'db_role',
    ROWCAST_DEFAULT_ROLE: 'reader',
    ROWCAST_ANONYMOUS_ROLE: 'anon',
  })
  const enter = async (claims: Record<string, unknown>) => {
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode(secret))
    return authenticate?.({ ...handshake, auth: { token } })
  }
  const good = { aud: 'app', iss: 'us' }
  expect(await enter({ ...good, db_role: 'editor' })).toMatchObject({ role: 'editor' })
  expect(await enter(good)).toMatchObject({ role: 'reader' })
  await expect(enter({ ...good, aud: 'other' })).rejects.toMatchObject({ code: 'unauthenticated' })
  await expect(enter({ ...good, iss: 'them' })).rejects.toMatchObject({ code: 'unauthenticated' })
  expect(await authenticate?.({ ...handshake, auth: {} })).toMatchObject({ role: 'anon' })
})

test.for<[string, Record<string, string>]>([
  ['ROWCAST_JWT_SECRET: the secret has 5 bytes', { ROWCAST_JWT_SECRET: 'guess' }],
  ['ROWCAST_JWKS_URL: Invalid URL', { ROWCAST_JWKS_URL: 'id.example.org' }],
  ['needs one of', { ROWCAST_JWT_SECRET: secret, ROWCAST_JWKS_URL: 'https://id.example.org/jwks.json' }],
])('what makes no sense is refused: %s', ([message, env]) => {
  expect(() => authenticateFrom(env)).toThrow(message)
})
