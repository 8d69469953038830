import type { TableResult } from '../chat/table-result.ts'
import { useMyMemberships } from '../chat/use-my-memberships.ts'
import type { Channel } from '../tables.ts'
import { ChannelLink } from './channel-link.tsx'
import { JoinedChannelLink } from './joined-channel-link.tsx'

interface ChannelListProps {
  readonly channels: TableResult<'channel'>
  readonly active: Channel | undefined
  readonly onNavigate: () => void
}

export function ChannelList({ channels, active, onNavigate }: ChannelListProps) {
  const memberships = useMyMemberships()
  if (channels.status === 'loading') return <LoadingChannels />
  if (channels.status === 'error')
    return (
      <p className="problem" role="alert">
        {channels.error.message}
      </p>
    )
  if (channels.data.length === 0) return <p className="empty">There are no channels yet.</p>
  return (
    <ul>
      {channels.data.map((channel) => {
        const membership = memberships?.get(channel.id)
        const isActive = channel.id === active?.id
        return (
          <li key={channel.id}>
            {membership && !isActive ? (
              <JoinedChannelLink
                channel={channel}
                lastReadId={membership.last_read_message_id}
                onNavigate={onNavigate}
              />
            ) : (
              <ChannelLink channel={channel} isActive={isActive} onNavigate={onNavigate} />
            )}
          </li>
        )
      })}
    </ul>
  )
}

function LoadingChannels() {
  return (
    <div role="status" aria-label="Loading channels">
      {['55%', '75%', '45%'].map((width) => (
        <div key={width} className="sidebar-skeleton" style={{ width }} />
      ))}
    </div>
  )
}
