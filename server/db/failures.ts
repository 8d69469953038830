import { RowcastError } from '../../shared/errors.ts'

/**
 * True if an error is an answer, which would be the same another time: a right that is missing, a value
 * that does not fit. Everything else, a lost connection above all, is worth another try.
 */
export function isRefusal(error: unknown): boolean {
  if (error instanceof RowcastError) return true
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^(22|42|54|55|P0)...$/.test(code)
}

/** True if the database could not be reached, or the connection broke: the same may well succeed a little later. */
export function isOutage(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (typeof code === 'string')
    return /^(08|53|57P)...?$|^E(CONN|PIPE|TIMEDOUT|HOSTUNREACH|NOTFOUND)/.test(code)
  return (
    typeof message === 'string' &&
    /^(Connection terminated|Client has encountered a connection error)/.test(message)
  )
}
