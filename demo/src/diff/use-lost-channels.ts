import { useState } from 'react'
import { useTable } from 'rowcast/react'

/** How often private channels have gone from the person's sight since the page was opened. */
export function useLostChannels(): number {
  const channels = useTable('channel', { where: { is_private: true } })
  const seen = channels.status === 'ready' ? channels.data : null
  const [before, setBefore] = useState(seen)
  const [lost, setLost] = useState(0)
  if (seen && seen !== before) {
    const ids = new Set(seen.map(({ id }) => id))
    if (before?.some(({ id }) => !ids.has(id))) setLost(lost + 1)
    setBefore(seen)
  }
  return lost
}
