import { useState } from 'react'
import type { Membership } from '../tables.ts'
import { usePageVisible } from '../ui/use-page-visible.ts'

/**
 * After which message the line “New” stands: where the person had read to when they opened the channel,
 * or when they last turned away from the page. It stays while they read on. Null if there is none.
 */
export function useUnreadLine(membership: Membership | undefined): number | null {
  const isVisible = usePageVisible()
  const [line, setLine] = useState<number | null>(null)
  const [wasVisible, setWasVisible] = useState(isVisible)

  if (membership && (line === null || (wasVisible && !isVisible))) setLine(membership.last_read_message_id)
  if (wasVisible !== isVisible) setWasVisible(isVisible)
  return line
}
