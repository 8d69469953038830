import { useState } from 'react'
import type { Membership } from '../tables.ts'
import { usePageVisible } from '../ui/use-page-visible.ts'

/**
 * After which message the line “New” stands, above what came while the person was elsewhere: before they
 * opened the channel, or since they turned away from the page. It stays while they read on; what comes
 * before their eyes needs none. Null if there is no line.
 */
export function useUnreadLine(membership: Membership | undefined, newestId: number): number | null {
  const isVisible = usePageVisible()
  const [wasVisible, setWasVisible] = useState(true)
  const [line, setLine] = useState<number | null | undefined>(undefined)
  const lastRead = membership?.last_read_message_id

  if (line === undefined && lastRead !== undefined) setLine(newestId > lastRead ? lastRead : null)
  if (wasVisible !== isVisible) {
    setWasVisible(isVisible)
    if (!isVisible) setLine(lastRead)
    else if (line !== undefined && newestId <= (line ?? 0)) setLine(null)
  }
  return line ?? null
}
