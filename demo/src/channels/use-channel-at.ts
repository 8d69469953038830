import { useState } from 'react'
import type { TableResult } from '../chat/table-result.ts'
import type { Channel } from '../tables.ts'
import { isAt, type Route } from '../ui/route.ts'

/**
 * The channel at the page's place; or, if it went from sight while it was shown, the one that is gone: it
 * was deleted, or the person is no longer in it.
 */
export function useChannelAt(
  route: Route,
  channels: TableResult<'channel'>,
): { readonly channel: Channel | undefined; readonly gone: Channel | undefined } {
  const [last, setLast] = useState<{ readonly route: Route; readonly channel: Channel } | null>(null)
  const channel = channels.status === 'ready' ? channels.data.find((each) => isAt(route, each)) : undefined
  if (channel && (channel !== last?.channel || route !== last.route)) setLast({ route, channel })
  return { channel, gone: !channel && route === last?.route ? last.channel : undefined }
}
