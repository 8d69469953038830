import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, exportJWK, SignJWT, type JWK } from 'jose'
import { describe, expect, test } from 'vitest'
import type { RowcastError } from '../../shared/errors.ts'
import type { Identity } from '../session/identity.ts'
import type { Authenticate, Handshake } from './authenticate.ts'
import { verifyJwt, type JwtOptions } from './verify-jwt.ts'

const secret = 'a secret that nobody could guess within reason, ever: 64 bytes.'
const ann = { sub: 'ann', role: 'app_user', team: { id: 7, admin: true } }

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keys: Record<string, { readonly publicKey: KeyObject; readonly privateKey: KeyObject }> = {
  RS256: rsa,
  RS512: rsa,
  PS384: rsa,
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  EdDSA: generateKeyPairSync('ed25519'),
}

function sign(
  claims: Record<string, unknown>,
  { alg = 'HS256', key, kid }: { alg?: string; key?: KeyObject; kid?: string } = {},
): Promise<string> {
  const signer = new SignJWT(claims).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) })
  return signer.sign(key ?? keys[alg]?.privateKey ?? createSecretKey(secret, 'utf8'))
}

/** What JOSE would never write. */
function forge(header: object, claims: object, mac: (input: string) => string = () => ''): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${mac(input)}`
}

function enter(authenticate: Authenticate, handshake: Partial<Handshake>): Promise<Identity> {
  return Promise.resolve({ auth: {}, headers: {}, address: '', url: '', ...handshake }).then(authenticate)
}

/** What becomes of a token: the identity, or the code of the refusal. */
async function present(authenticate: Authenticate, token: unknown): Promise<Identity | string> {
  return await enter(authenticate, { auth: { token } }).catch(({ code }: RowcastError) => code)
}

const jwkOf = async (key: KeyObject, more: Partial<JWK> = {}): Promise<JWK> => ({
  ...(await exportJWK(key)),
  ...more,
})

/** An issuer's key set, served by HTTP. */
async function startIssuer() {
  const issuer = { keys: [] as JWK[], status: 200, requests: 0, url: '' }
  const http = createServer((_request, response) => {
    issuer.requests++
    response.writeHead(issuer.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ keys: issuer.keys }))
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  issuer.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/jwks.json`
  return Object.assign(issuer, {
    async [Symbol.asyncDispose]() {
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  })
}

describe('what a token says', () => {
  test('becomes the role and, whole and unchanged, the claims; exp becomes the end', async () => {
    const exp = Math.floor(Date.now() / 1000) + 60
    const claims = { ...ann, aud: 'app', iat: exp - 120, exp }
    const authenticate = verifyJwt({ secret, clockToleranceMs: 2_000 })
    expect(await present(authenticate, await sign(claims))).toEqual({
      role: 'app_user',
      claims,
      expiresAt: exp * 1000 + 2_000,
    })
    expect(await present(authenticate, await sign(ann))).toEqual({ role: 'app_user', claims: ann })
  })

  test('may come in the header; the one that the client was given goes before', async () => {
    const authenticate = verifyJwt({ secret })
    const [header, auth] = [await sign(ann), await sign({ ...ann, sub: 'bob' })]
    const headers = { authorization: `Bearer ${header}` }
    expect(await enter(authenticate, { headers })).toMatchObject({ claims: { sub: 'ann' } })
    expect(await enter(authenticate, { headers, auth: { token: auth } })).toMatchObject({
      claims: { sub: 'bob' },
    })
    expect(await present(authenticate, undefined)).toBe('unauthenticated')
  })

  test('names the role where it is told to look, and no other than is allowed', async () => {
    const roleOf = async (options: Partial<JwtOptions>, claims: Record<string, unknown>) => {
      const identity = await present(verifyJwt({ secret, ...options } as JwtOptions), await sign(claims))
      return typeof identity === 'string' ? identity : identity.role
    }
    const roleClaim = ['https://app.example.org/', 'role']
    const nested = { sub: 'ann', role: 'other', 'https://app.example.org/': { role: 'editor' } }
    expect(await roleOf({ roleClaim }, nested)).toBe('editor')
    expect(await roleOf({ roleClaim }, ann)).toBe('unauthenticated')
    expect(await roleOf({ roleClaim: 'constructor' }, ann)).toBe('unauthenticated')
    expect(await roleOf({}, { role: ['app_user'] })).toBe('unauthenticated')
    expect(await roleOf({}, { sub: 'ann' })).toBe('unauthenticated')
    expect(await roleOf({ defaultRole: 'app_user' }, { sub: 'ann' })).toBe('app_user')
    expect(await roleOf({ allowedRoles: ['app_user'] }, ann)).toBe('app_user')
    expect(await roleOf({ allowedRoles: ['app_user'] }, { role: 'postgres' })).toBe('unauthenticated')
  })

  test('who has none is anonymous, if that is allowed; who has a bad one never is', async () => {
    const authenticate = verifyJwt({ secret, anonymousRole: 'anon' })
    for (const token of [undefined, null, ''])
      expect(await present(authenticate, token)).toEqual({ role: 'anon', claims: { role: 'anon' } })
    for (const token of ['x', 7, {}, false, ['x']])
      expect(await present(authenticate, token)).toBe('unauthenticated')
    expect(await present(authenticate, await sign({ ...ann, exp: 1 }))).toBe('expired')
  })

  test('holds from nbf to exp, give or take the difference of the clocks, for its audience, from its issuer', async () => {
    const now = Math.floor(Date.now() / 1000)
    const options = {
      secret,
      audience: ['app', 'admin'],
      issuer: 'https://id.example.org',
      clockToleranceMs: 10_000,
    }
    const authenticate = verifyJwt(options)
    const good = { ...ann, aud: 'app', iss: 'https://id.example.org' }
    const outcome = async (changed: object) => {
      const identity = await present(authenticate, await sign({ ...good, ...changed }))
      return typeof identity === 'string' ? identity : 'accepted'
    }
    expect(await outcome({})).toBe('accepted')
    expect(await outcome({ aud: ['other', 'admin'] })).toBe('accepted')
    expect(await outcome({ exp: now - 5 })).toBe('accepted')
    expect(await outcome({ nbf: now + 5 })).toBe('accepted')
    expect(await outcome({ exp: now - 15 })).toBe('expired')
    for (const wrong of [
      { nbf: now + 60 },
      { nbf: 'soon' },
      { exp: 'never' },
      { aud: 'other' },
      { aud: [] },
      { aud: undefined },
      { iss: 'https://id.example.com' },
      { iss: undefined },
    ])
      expect(await outcome(wrong), JSON.stringify(wrong)).toBe('unauthenticated')
  })
})

describe('how a token is signed', () => {
  test.for(Object.keys(keys))('%s, by a public key in whatever form', async (alg) => {
    const key = keys[alg]?.publicKey as KeyObject
    const token = await sign(ann, { alg, kid: 'whatever' })
    const jwk = await jwkOf(key)
    const pem = key.export({ type: 'spki', format: 'pem' }).toString()
    for (const publicKey of [key, jwk, pem])
      expect(await present(verifyJwt({ publicKey }), token)).toMatchObject({ claims: ann })
    expect(await present(verifyJwt({ jwks: { keys: [{ ...jwk, kid: 'whatever' }] } }), token)).toMatchObject({
      claims: ann,
    })
    const others = Object.keys(keys).filter((other) => other !== alg)
    for (const other of others)
      expect(await present(verifyJwt({ publicKey: key }), await sign(ann, { alg: other })), other).toEqual(
        keys[other] === rsa && keys[alg] === rsa ? { role: 'app_user', claims: ann } : 'unauthenticated',
      )
  })

  test.for(['HS256', 'HS384', 'HS512'] as const)('%s, by a secret, if that is said', async (alg) => {
    const token = await sign(ann, { alg })
    expect(await present(verifyJwt({ secret: Buffer.from(`${secret}.`), algorithms: [alg] }), token)).toBe(
      'unauthenticated',
    )
    const long = `${secret}.`
    const signed = await sign(ann, { alg, key: createSecretKey(long, 'utf8') })
    expect(await present(verifyJwt({ secret: long, algorithms: [alg] }), signed)).toMatchObject({
      claims: ann,
    })
    if (alg !== 'HS256') expect(await present(verifyJwt({ secret: long }), signed)).toBe('unauthenticated')
  })

  test('no token chooses how it is verified', async () => {
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const byPublicKey = forge({ alg: 'HS256', typ: 'JWT' }, ann, (input) =>
      createHmac('sha256', pem).update(input).digest('base64url'),
    )
    const jwk = await jwkOf(rsa.publicKey)
    const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const ownJwk = await jwkOf(own.publicKey)
    const broughtAlong = await new SignJWT(ann)
      .setProtectedHeader({ alg: 'RS256', jwk: ownJwk, jku: 'https://evil.example.org/jwks.json' })
      .sign(own.privateKey)
    const [head, payload, signature] = (await sign(ann)).split('.') as [string, string, string]
    const tokens = [
      byPublicKey,
      broughtAlong,
      forge({ alg: 'none' }, ann),
      forge({ alg: 'None' }, ann),
      forge({ alg: ['HS256'] }, ann),
      forge({}, ann),
      `${head}.${payload}.`,
      `${head}.${payload}`,
      `${head}.${Buffer.from(JSON.stringify({ ...ann, sub: 'bob' })).toString('base64url')}.${signature}`,
      await new SignJWT(ann)
        .setProtectedHeader({ alg: 'HS256', crit: ['x'], x: 1 })
        .sign(createSecretKey(secret, 'utf8'), {
          crit: { x: true },
        }),
    ]
    for (const options of [{ secret }, { publicKey: pem }, { jwks: { keys: [jwk] } }])
      for (const token of tokens)
        expect(await present(verifyJwt(options), token), `${Object.keys(options).join()} ${token}`).toBe(
          'unauthenticated',
        )
  })

  test('what is no token at all is refused, however large', async () => {
    const authenticate = verifyJwt({ secret })
    const huge = await sign({ ...ann, more: 'x'.repeat(70_000) })
    const tokens = ['.', '..', 'a.b.c', '💥', '\0', 'x'.repeat(900_000), '.'.repeat(60_000), huge]
    for (const token of tokens)
      expect(await present(authenticate, token), token.slice(0, 20)).toBe('unauthenticated')
    expect(await present(authenticate, forge({ alg: 'HS256' }, [ann]))).toBe('unauthenticated')
  })
})

describe('a key set', () => {
  test('is fetched once, and again for a key that it has since got', async () => {
    await using issuer = await startIssuer()
    const [first, second] = [keys['ES256']?.publicKey, keys['RS256']?.publicKey] as [KeyObject, KeyObject]
    issuer.keys = [await jwkOf(first, { kid: 'first' })]
    const authenticate = verifyJwt({ jwks: createRemoteJWKSet(new URL(issuer.url), { cooldownDuration: 0 }) })
    const [old, rotated] = [
      await sign(ann, { alg: 'ES256', kid: 'first' }),
      await sign(ann, { alg: 'RS256', kid: 'second' }),
    ]
    await Promise.all(Array.from({ length: 20 }, () => present(authenticate, old)))
    expect(await present(authenticate, old)).toMatchObject({ claims: ann })
    expect(issuer.requests).toBe(1)
    expect(await present(authenticate, rotated)).toBe('unauthenticated')

    issuer.keys = [await jwkOf(second, { kid: 'second' })]
    expect(await present(authenticate, rotated)).toMatchObject({ claims: ann })
    expect(await present(authenticate, old)).toBe('unauthenticated') // its key has been taken back
  })

  test('is not fetched for each key that somebody makes up', async () => {
    await using issuer = await startIssuer()
    issuer.keys = [await jwkOf(rsa.publicKey, { kid: 'first' })]
    const authenticate = verifyJwt({ jwks: issuer.url })
    for (let i = 0; i < 20; i++)
      expect(await present(authenticate, await sign(ann, { alg: 'RS256', kid: `made up ${i}` }))).toBe(
        'unauthenticated',
      )
    expect(issuer.requests).toBe(1)
  })

  test('that cannot be had is an outage: nobody is refused for good', async () => {
    const issuer = await startIssuer()
    issuer.keys = [await jwkOf(rsa.publicKey, { kid: 'first' })]
    const authenticate = verifyJwt({ jwks: new URL(issuer.url) })
    const token = await sign(ann, { alg: 'RS256', kid: 'first' })
    issuer.status = 503
    expect(await present(authenticate, token)).toBe('internal')
    issuer.status = 200
    expect(await present(authenticate, token)).toMatchObject({ claims: ann })
    await issuer[Symbol.asyncDispose]()
    expect(await present(verifyJwt({ jwks: issuer.url }), token)).toBe('internal')
  })

  test('with several keys of one kind is tried through for a token that names none', async () => {
    const others = await Promise.all(
      [1, 2].map(() => jwkOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey)),
    )
    const token = await sign(ann, { alg: 'RS256' })
    expect(await present(verifyJwt({ jwks: { keys: others } }), token)).toBe('unauthenticated')
    const all = [...others, await jwkOf(rsa.publicKey)]
    expect(await present(verifyJwt({ jwks: { keys: all } }), token)).toMatchObject({ claims: ann })
  })

  test('with a secret in it verifies nothing by it', async () => {
    const oct = { kty: 'oct', k: Buffer.from(secret).toString('base64url') }
    expect(await present(verifyJwt({ jwks: { keys: [oct] } }), await sign(ann))).toBe('unauthenticated')
  })
})

test.for<[string, unknown]>([
  ['needs one of secret, jwks and publicKey', {}],
  ['needs one of secret, jwks and publicKey', { secret: undefined }],
  ['and got 2', { secret, jwks: 'https://id.example.org/jwks.json' }],
  ['has 0 bytes', { secret: '' }],
  ['must have 32 at least', { secret: 'x'.repeat(31) }],
  ['must have 64 at least', { secret: 'x'.repeat(63), algorithms: ['HS256', 'HS512'] }],
  ['is a public key', { secret: rsa.publicKey.export({ type: 'spki', format: 'pem' }) }],
  ['algorithms may be HS256', { secret, algorithms: ['RS256'] }],
  ['algorithms may be HS256', { secret, algorithms: [] }],
  ['not none', { secret, algorithms: ['none'] }],
  ['not HS256', { publicKey: rsa.publicKey, algorithms: ['HS256'] }],
  ['not HS256', { jwks: { keys: [] }, algorithms: ['RS256', 'HS256'] }],
  ['in PEM', { publicKey: 'key' }],
  ['in PEM', { publicKey: createSecretKey(secret, 'utf8') }],
  ['has 1024 bits', { publicKey: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey }],
  ['Invalid URL', { jwks: 'id.example.org' }],
  ['malformed', { jwks: {} }],
  ['audience must be', { secret, audience: '' }],
  ['issuer must be', { secret, issuer: [] }],
  ['clockToleranceMs', { secret, clockToleranceMs: -1 }],
])('options that make no sense are refused at the start: %s', ([message, options]) => {
  expect(() => verifyJwt(options as JwtOptions)).toThrow(message)
})
