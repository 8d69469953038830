import * as v from 'valibot'
import { RowcastError } from '../../shared/errors.ts'
import type { Reply } from '../../shared/protocol.ts'

/** @throws {RowcastError} `invalid_message`, which says where it is not as it must be */
export function parse<const S extends v.GenericSchema>(schema: S, input: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, input, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const path = v.getDotPath(issue)
  throw new RowcastError('invalid_message', `${path === null ? '' : `${path}: `}${issue.message}`)
}

/** Of a failure of ours, only the code crosses the wire. */
export const internal = {
  ok: false,
  code: 'internal',
  message: 'the server failed; its log says why',
} as const

/** Like `Promise.all` over `map`, but with so many under way at once at the most. */
export async function mapLimited<T, U>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<U>,
): Promise<U[]> {
  const results: U[] = []
  const entries = items.entries()
  const worker = async () => {
    for (const [i, item] of entries) results[i] = await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  return results
}

/** A message names values, and a client may send long ones. */
const longestMessage = 1_000

/** What the client did wrong is its answer; all else is thrown. */
export async function replyTo<T>(work: () => Promise<T>): Promise<Reply<T>> {
  try {
    return { ok: true, value: await work() }
  } catch (error) {
    if (error instanceof RowcastError)
      return { ok: false, code: error.code, message: error.message.slice(0, longestMessage) }
    throw error
  }
}
