import { useConnection } from 'rowcast/react'

export type Link = 'connecting' | 'live' | 'lost'

/** Whether the page is live, in the three words that matter to a reader: not yet, yes, and not any more. */
export function useLink(): Link {
  return useConnection(({ status, error }) => {
    if (status === 'live') return 'live'
    return status === 'connecting' && !error ? 'connecting' : 'lost'
  })
}
