import { RowcastError } from '../../shared/errors.ts'

/** Errors of PostgreSQL's that say nothing of what was asked: no connection, no resources (but for a limit set on what one may use), shutdown, a lost race. */
const passing = /^(08|25P0[34]|40|53(?!400)|57P|58)|^55P03$/

/**
 * True if an error is an answer, which would be the same another time: a right that is missing, a value
 * that does not fit. Everything else, a lost connection above all, is worth another try.
 */
export function isRefusal(error: unknown): boolean {
  if (error instanceof RowcastError) return true
  const code = sqlStateOf(error)
  return code !== undefined && !passing.test(code)
}

/** What a standby answers who wants to write: it may be promoted in a moment. */
export const readOnlyState = '25006'

/** PostgreSQL's code for a lock that was not to be had in time. */
export const lockNotAvailable = '55P03'

/** PostgreSQL's code for a statement that has been cancelled, for instance because its time was over. */
export const queryCanceled = '57014'

/** True if the database could not be reached, or could not answer now: the same may well succeed a little later. */
export function isOutage(error: unknown): boolean {
  const code = sqlStateOf(error)
  if (code !== undefined) return passing.test(code) || code === readOnlyState
  const { code: system, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (typeof system === 'string')
    return /^E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|HOSTDOWN|NETUNREACH|NETDOWN|NOTFOUND|AI_AGAIN)/.test(system)
  return (
    typeof message === 'string' &&
    /^(Connection terminated|Client has encountered a connection error|timeout e|Query read timeout)/.test(
      message,
    )
  )
}

/** PostgreSQL's code for what went wrong; undefined if it is not PostgreSQL that says so. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('E') ? code : undefined
}

/**
 * What may be said to a client of a refusal of PostgreSQL's: where it is about a value, it speaks of what the client has
 * sent, and where about an operator, of types. Everything else may name tables, columns, functions and constraints that
 * the client is not to know of, as a policy's do.
 */
export function tellable(error: unknown): string {
  const code = sqlStateOf(error)
  const message = error instanceof Error ? error.message : ''
  if (code?.startsWith('22') || message.startsWith('operator does not exist:')) return message
  return `PostgreSQL refuses that${code === undefined ? '' : ` (${code})`}, and the server's log says why`
}
