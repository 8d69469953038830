import { useTable } from 'rowcast/react'
import { useLastReady } from '../chat/use-last-ready.ts'
import { useMe } from '../session/use-session.ts'
import type { Channel } from '../tables.ts'
import { ChannelLink, maxUnread } from './channel-link.tsx'

interface JoinedChannelLinkProps {
  readonly channel: Channel
  readonly lastReadId: number
  readonly onNavigate: () => void
}

/** Counts what others have written after the person's mark: a filtered subscription that moves with the mark. */
export function JoinedChannelLink({ channel, lastReadId, onNavigate }: JoinedChannelLinkProps) {
  const me = useMe()
  const unread = useLastReady(
    useTable('message', {
      where: { channel_id: channel.id, id: { gt: lastReadId }, author_id: { ne: me.id } },
      orderBy: { id: 'desc' },
      limit: maxUnread,
    }),
  )
  return (
    <ChannelLink
      channel={channel}
      unread={unread?.status === 'ready' ? unread.data.length : 0}
      onNavigate={onNavigate}
    />
  )
}
