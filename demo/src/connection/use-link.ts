import { useConnection } from 'rowcast/react'

export type Link = 'connecting' | 'live' | 'behind' | 'lost'

/** How the page stands, in the four words that matter to a reader: not yet live, live, out of date for a while, and cut off. */
export function useLink(): Link {
  return useConnection(({ status, error }) => {
    if (status === 'live') return 'live'
    if (status === 'catching_up') return 'behind'
    return status === 'connecting' && !error ? 'connecting' : 'lost'
  })
}
