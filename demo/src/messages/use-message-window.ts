import { useCallback, useMemo, useState } from 'react'
import { useTable } from 'rowcast/react'
import { useLastReady } from '../chat/use-last-ready.ts'
import type { Message } from '../tables.ts'

const pageSize = 50

export type MessageWindow =
  | { readonly status: 'loading' }
  | { readonly status: 'error'; readonly message: string }
  | {
      readonly status: 'ready'
      /** Oldest first. */
      readonly messages: readonly Message[]
      readonly hasOlder: boolean
      readonly isLoadingOlder: boolean
      readonly loadOlder: () => void
    }

/** The newest messages of a channel, live. To load older ones is to raise the limit of the same subscription. */
export function useMessageWindow(channelId: number): MessageWindow {
  const [limit, setLimit] = useState(pageSize)
  const current = useTable('message', { where: { channel_id: channelId }, orderBy: { id: 'desc' }, limit })
  const last = useLastReady(current)
  const isLoadingOlder = current.status === 'loading' && last !== null
  const messages = useMemo(() => (last?.status === 'ready' ? last.data.toReversed() : []), [last])
  const loadOlder = useCallback(() => setLimit((limit) => limit + pageSize), [])

  if (!last) return { status: 'loading' }
  if (last.status === 'error') return { status: 'error', message: last.error.message }
  return {
    status: 'ready',
    messages,
    // While more are asked for, what is shown is still the smaller window: it was full.
    hasOlder: isLoadingOlder || messages.length >= limit,
    isLoadingOlder,
    loadOlder,
  }
}
