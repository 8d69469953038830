import { useEffect, useRef } from 'react'
import { useConnection } from 'rowcast/react'
import { markRead } from '../api/endpoints.ts'
import type { Membership } from '../tables.ts'

/** Tells the server how far the person has read, whenever the newest message is before their eyes. */
export function useReadMark(membership: Membership | undefined, newestId: number, isSeen: boolean): void {
  const status = useConnection(({ status }) => status)
  const sent = useRef(0)
  const channelId = membership?.channel_id
  const lastRead = membership?.last_read_message_id ?? 0

  useEffect(() => {
    if (channelId === undefined || !isSeen || newestId <= Math.max(lastRead, sent.current)) return
    sent.current = newestId
    markRead(channelId, newestId).catch(() => {
      sent.current = 0 // again with the next message, or when the connection is back
    })
  }, [channelId, isSeen, newestId, lastRead, status])
}
