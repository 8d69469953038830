import { createPublicKey, KeyObject } from 'node:crypto'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose'
import { RowcastError } from '../../shared/errors.ts'
import type { Identity } from '../session/identity.ts'
import type { Authenticate, Handshake } from './authenticate.ts'

/** What is signed with a secret that the server knows as well, and how many bytes that must have. */
const secretBytes: ReadonlyMap<string, number> = new Map([
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
])
/** What is signed with a private key, of which the server knows the public one. */
const keyAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

export type SecretAlgorithm = 'HS256' | 'HS384' | 'HS512'
export type KeyAlgorithm = (typeof keyAlgorithms)[number]

interface CommonOptions {
  /** Whom the token must be for: its `aud` must be, or name, one of these. Default: whoever. */
  readonly audience?: string | readonly string[]
  /** Who must have issued it: its `iss` must be one of these. Default: whoever has the key. */
  readonly issuer?: string | readonly string[]
  /** How much the issuer's clock and the server's may differ: a token is good for so much longer. Default: 5 s. */
  readonly clockToleranceMs?: number
  /** Where the payload names the database role: a claim, or the way to one inside of others. Default: `role`. */
  readonly roleClaim?: string | readonly string[]
  /** The role of a token that names none. Default: such a token is refused. */
  readonly defaultRole?: string
  /** The role of a client without a token; its claims are that role. Default: such a client is refused. */
  readonly anonymousRole?: string
  /** The roles that a token may name. Default: any that the server's own user may take on. */
  readonly allowedRoles?: readonly string[]
}

/** One of these says by what a token is known to be genuine. */
export type JwtOptions = CommonOptions &
  (
    | {
        /** Shared with the issuer; text stands for its UTF-8 bytes. 32 bytes at least. */
        readonly secret: string | Uint8Array
        /** Default: HS256. */
        readonly algorithms?: readonly SecretAlgorithm[]
      }
    | {
        /**
         * The issuer's key set, or where it is, e.g. `https://id.example.org/.well-known/jwks.json`. That is fetched when
         * it is needed, kept for ten minutes, and fetched again for a key that is not among them, every 30 s at the most.
         * Or a function, such as jose's `createRemoteJWKSet` with options of its own.
         */
        readonly jwks: string | URL | JSONWebKeySet | JWTVerifyGetKey
        /** Default: all with a public key that jose knows, for each key those that fit it. */
        readonly algorithms?: readonly KeyAlgorithm[]
      }
    | {
        /** The issuer's only key: in PEM, as a JWK, or one of Node's. */
        readonly publicKey: string | JWK | KeyObject
        readonly algorithms?: readonly KeyAlgorithm[]
      }
  )

/** A longer one is not looked at. */
const maxTokenLength = 65_536
const defaultClockToleranceMs = 5_000
const minRsaBits = 2048

/**
 * An `authenticate` for clients that sign in with a JSON Web Token, given as `auth: { token }` or in the header
 * `Authorization: Bearer …`. Its whole payload becomes the claims, and it ends when the token does.
 *
 * @throws if the options do not make sense: a secret that could be guessed, an algorithm that does not go with the key
 *
 * @example
 * createRowcast({ httpServer, authenticate: verifyJwt({ secret: process.env.JWT_SECRET, anonymousRole: 'anon' }) })
 */
export function verifyJwt(options: JwtOptions): Authenticate {
  const toleranceMs = options.clockToleranceMs ?? defaultClockToleranceMs
  if (!(toleranceMs >= 0 && Number.isFinite(toleranceMs)))
    throw new Error(`clockToleranceMs is ${toleranceMs}: it must be 0 at least`)
  const { key, algorithms } = keyOf(options)
  const verification: JWTVerifyOptions = {
    algorithms: [...algorithms],
    clockTolerance: toleranceMs / 1000,
    ...(options.audience !== undefined && { audience: namesOf('audience', options.audience) }),
    ...(options.issuer !== undefined && { issuer: namesOf('issuer', options.issuer) }),
  }
  const { anonymousRole } = options
  return async (handshake) => {
    const token = tokenOf(handshake)
    if (token === undefined) {
      if (anonymousRole === undefined)
        throw new RowcastError(
          'unauthenticated',
          'there is no token: the client has to be given `auth: { token }`',
        )
      return { role: anonymousRole, claims: { role: anonymousRole } }
    }
    const claims = await verify(token, key, verification)
    return { role: roleOf(claims, options), claims, ...endOf(claims, toleranceMs) }
  }
}

/** The options that say so, whichever of them are there. */
interface KeyOptions {
  readonly secret?: string | Uint8Array
  readonly jwks?: string | URL | JSONWebKeySet | JWTVerifyGetKey
  readonly publicKey?: string | JWK | KeyObject
  readonly algorithms?: readonly string[]
}

/** What a token is verified with, and the algorithms that go with it: no token chooses another. */
function keyOf({ secret, jwks, publicKey, ...options }: KeyOptions): {
  key: JWTVerifyGetKey
  algorithms: readonly string[]
} {
  const count = [secret, jwks, publicKey].filter((given) => given !== undefined).length
  if (count !== 1)
    throw new Error(`verifyJwt() needs one of secret, jwks and publicKey, and got ${count} of them`)
  if (secret !== undefined) {
    const { algorithms = ['HS256'] } = options
    checkAlgorithms(algorithms, [...secretBytes.keys()], 'a secret')
    const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
    checkSecret(bytes, Math.max(...algorithms.map((algorithm) => secretBytes.get(algorithm) ?? 0)))
    return { key: () => bytes, algorithms }
  }
  const { algorithms = keyAlgorithms } = options
  checkAlgorithms(algorithms, keyAlgorithms, 'a public key')
  return { key: jwks === undefined ? onlyKey(publicKey) : keySet(jwks), algorithms }
}

function checkAlgorithms(algorithms: readonly string[], known: readonly string[], key: string): void {
  const wrong = algorithms.find((algorithm) => !known.includes(algorithm))
  if (wrong !== undefined || algorithms.length === 0)
    throw new Error(`with ${key}, algorithms may be ${known.join(', ')}, not ${wrong ?? 'none at all'}`)
}

function checkSecret(secret: Uint8Array, bytes: number): void {
  // Everybody knows it, and could sign with it.
  if (/-----BEGIN [A-Z ]*(PUBLIC KEY|CERTIFICATE)-----/.test(Buffer.from(secret).toString('latin1')))
    throw new Error('the secret is a public key: give it as publicKey')
  if (secret.byteLength < bytes)
    throw new Error(
      `the secret has ${secret.byteLength} bytes, and could be guessed: it must have ${bytes} at least, ` +
        `e.g. from \`openssl rand -base64 ${bytes}\``,
    )
}

function keySet(jwks: NonNullable<KeyOptions['jwks']>): JWTVerifyGetKey {
  if (typeof jwks === 'function') return jwks
  return typeof jwks === 'string' || jwks instanceof URL
    ? createRemoteJWKSet(new URL(jwks))
    : createLocalJWKSet(jwks)
}

/** That key, whatever a token calls it, but only for the algorithms that it is for. */
function onlyKey(given: KeyOptions['publicKey']): JWTVerifyGetKey {
  const key = toPublicKey(given)
  const { modulusLength = Infinity } = key.asymmetricKeyDetails ?? {}
  if (modulusLength < minRsaBits)
    throw new Error(
      `the publicKey has ${modulusLength} bits, and could be broken: it must have ${minRsaBits}`,
    )
  const keys = createLocalJWKSet({ keys: [key.export({ format: 'jwk' })] })
  return ({ alg }) => keys({ alg })
}

function toPublicKey(given: KeyOptions['publicKey']): KeyObject {
  try {
    if (given instanceof KeyObject) return given.type === 'public' ? given : createPublicKey(given)
    return typeof given === 'string'
      ? createPublicKey(given)
      : createPublicKey({ key: given as JWK, format: 'jwk' })
  } catch (cause) {
    throw new Error('the publicKey must be one, in PEM, as a JWK or as a KeyObject', { cause })
  }
}

function namesOf(option: string, names: string | readonly string[]): string[] {
  const list = [names].flat()
  if (list.length > 0 && list.every((name) => typeof name === 'string' && name !== '')) return list
  throw new Error(`${option} must be a name, or a list of names`)
}

/** A token that is there but cannot be one is no missing one: nobody becomes anonymous by accident. */
function tokenOf({ auth, headers }: Handshake): string | undefined {
  const token = auth['token'] ?? bearerOf(headers['authorization'])
  if (token === undefined || token === '') return undefined
  if (typeof token !== 'string') throw new RowcastError('unauthenticated', 'the token must be a string')
  if (token.length > maxTokenLength)
    throw new RowcastError('unauthenticated', `the token is longer than ${maxTokenLength} characters`)
  return token
}

function bearerOf(header: string | string[] | undefined): string | undefined {
  return /^Bearer +(.*)$/i.exec([header].flat()[0] ?? '')?.[1]
}

async function verify(token: string, key: JWTVerifyGetKey, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return await verifyWithAny(token, key, options)
  } catch (error) {
    if (error instanceof errors.JWTExpired)
      throw new RowcastError('expired', 'the token has expired', { cause: error })
    if (error instanceof errors.JOSEError && refusals.has(error.code))
      throw new RowcastError('unauthenticated', `the token is not accepted: ${error.message}`, {
        cause: error,
      })
    throw new RowcastError('internal', 'the token cannot be verified now; try again', { cause: error })
  }
}

/** What is wrong with the token. All else is wrong with the keys, or with the way to them. */
const refusals: ReadonlySet<string> = new Set(
  [
    errors.JWTClaimValidationFailed,
    errors.JWTInvalid,
    errors.JWSInvalid,
    errors.JWSSignatureVerificationFailed,
    errors.JWKSNoMatchingKey,
    errors.JOSEAlgNotAllowed,
    errors.JOSENotSupported,
  ].map(({ code }) => code),
)

/** A token that does not say which of several keys it was signed with may have been signed with any of them. */
async function verifyWithAny(
  token: string,
  key: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, key, options)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    for await (const candidate of error)
      try {
        return (await jwtVerify(token, candidate, options)).payload
      } catch (other) {
        if (!(other instanceof errors.JWSSignatureVerificationFailed)) throw other
      }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

function roleOf(claims: JWTPayload, { roleClaim = 'role', defaultRole, allowedRoles }: JwtOptions): string {
  const path = [roleClaim].flat()
  const named = path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? Reflect.get(value, name)
        : undefined,
    claims,
  )
  const role = named ?? defaultRole
  if (typeof role !== 'string' || role === '')
    throw new RowcastError(
      'unauthenticated',
      `the token names no role: ${path.join('.')} must be a database role`,
    )
  if (named !== undefined && allowedRoles && !allowedRoles.includes(role))
    throw new RowcastError('unauthenticated', `the token's role ${role} may not be used here`)
  return role
}

function endOf({ exp }: JWTPayload, toleranceMs: number): Pick<Identity, 'expiresAt'> {
  return exp === undefined ? {} : { expiresAt: exp * 1000 + toleranceMs }
}
