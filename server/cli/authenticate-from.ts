import type { Authenticate } from '../gateway/authenticate.ts'
import { verifyJwt, type JwtOptions } from '../gateway/verify-jwt.ts'
import { UsageError } from './usage-error.ts'

/** The options of `verifyJwt` that the environment may give. */
const variables = {
  secret: 'ROWCAST_JWT_SECRET',
  jwks: 'ROWCAST_JWKS_URL',
  audience: 'ROWCAST_JWT_AUDIENCE',
  issuer: 'ROWCAST_JWT_ISSUER',
  roleClaim: 'ROWCAST_JWT_ROLE_CLAIM',
  defaultRole: 'ROWCAST_DEFAULT_ROLE',
  anonymousRole: 'ROWCAST_ANONYMOUS_ROLE',
} as const

/**
 * An `authenticate` by JSON Web Tokens, if the environment says what their signatures are verified with.
 *
 * @throws {UsageError} if what it says makes no sense
 */
export function authenticateFrom(env: NodeJS.ProcessEnv): Authenticate | undefined {
  const options: Record<string, string> = {}
  for (const [option, variable] of Object.entries(variables)) {
    const value = env[variable]
    if (value) options[option] = value
  }
  if (!options['secret'] && !options['jwks']) return undefined
  try {
    return verifyJwt(options as unknown as JwtOptions) // which checks them
  } catch (cause) {
    const given = options['secret'] ? variables.secret : variables.jwks
    throw new UsageError(`${given}: ${(cause as Error).message}`, { cause })
  }
}
