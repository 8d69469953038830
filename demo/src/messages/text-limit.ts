import { limits } from '../../limits.ts'

/** What to say about a text's length, if it is worth saying: shortly before the limit, and past it. */
export function textLimit(text: string): { readonly isOver: boolean; readonly note: string | null } {
  // Counted as PostgreSQL does, by code points; only a text that may be too long is worth counting.
  if (text.length < limits.messageLength * 0.9) return { isOver: false, note: null }
  const left = limits.messageLength - [...text.trim()].length
  const count = Math.abs(left).toLocaleString()
  return left < 0
    ? {
        isOver: true,
        note: `${count} ${left === -1 ? 'character' : 'characters'} too long. Please shorten it.`,
      }
    : { isOver: false, note: `${count} characters left` }
}
