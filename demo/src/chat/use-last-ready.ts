import { useState } from 'react'

/**
 * The last answer while the next one is loading: a list that grows, or a filter that moves on, does
 * not flash empty in between. Null before the first.
 */
export function useLastReady<T extends { readonly status: string }>(
  result: T,
): Exclude<T, { readonly status: 'loading' }> | null {
  const [last, setLast] = useState<T | null>(null)
  if (result.status !== 'loading' && result !== last) setLast(result)
  // The casts say what the conditions have made sure of, which a generic union does not narrow to.
  return (result.status !== 'loading' ? result : last) as Exclude<T, { readonly status: 'loading' }> | null
}
