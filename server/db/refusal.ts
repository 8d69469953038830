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
