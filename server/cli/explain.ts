import { RowcastError, sqlStates } from '../../shared/errors.ts'
import { UsageError } from './usage-error.ts'

/** What to tell a person about a failure, and what to exit with. */
export interface Explanation {
  readonly text: string
  readonly exitCode: 1 | 2
}

/** What to do about what PostgreSQL's own message does not say. */
const advice: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Is PostgreSQL running there? Check DATABASE_URL or --database.',
  ENOTFOUND: 'There is no such host. Check DATABASE_URL or --database.',
  ETIMEDOUT: 'The database did not answer. Check its address, and any firewall in between.',
  '28000': 'Check the user in DATABASE_URL or --database.',
  '28P01': 'Check the password in DATABASE_URL or --database.',
  '3D000': 'Create it with `createdb`, or check the name in DATABASE_URL or --database.',
  '3F000': 'Bring the database up to date with `rowcast migrate`.',
  [sqlStates.relation_not_found]: 'Check the name; write schema.name if it is not in public.',
  [sqlStates.no_primary_key]: 'Add one: `alter table … add primary key (…)`.',
  [sqlStates.permission_denied]: "Connect as the relation's owner or as a superuser.",
  '42883': 'Bring the database up to date with `rowcast migrate`.',
}

/** Words for a failure. What was to be expected gets a message and what to do, a bug of ours its stack. */
export function explain(error: unknown): Explanation {
  if (!(error instanceof Error)) return { text: String(error), exitCode: 1 }
  if (error instanceof UsageError) return { text: error.message, exitCode: 2 }
  const { code, hint } = error as { code?: string; hint?: string }
  // Node names each address that it tried, and nothing above them.
  const message =
    error.message || (error instanceof AggregateError ? String(error.errors[0]?.message) : 'unknown failure')
  const help = hint ?? (code && advice[code])
  if (help) return { text: `${message}\n${help}`, exitCode: 1 }
  if (code || error instanceof RowcastError || error.constructor === Error) {
    const cause = error.cause instanceof Error ? error.cause.message : ''
    return { text: message.includes(cause) ? message : `${message}\n${cause}`, exitCode: 1 }
  }
  return { text: error.stack ?? message, exitCode: 1 }
}
